import type { Plan } from '../language/plan.js';
import { priorities, type Priority } from '../language/runbook.js';
import type { StartEnvelope } from './envelope.js';
import { codeSpan, markdown } from './markdown.js';
import { workflowTaskTimeout } from './defaults.js';
import { searchAttributes } from './search-attributes.js';

/**
 * The options that start a run of an admitted plan, for every kind of start: what Temporal's own
 * lists and pages show, and the digest of the plan that the person saw.
 */
export function startOptions(envelope: StartEnvelope, plan: Plan) {
  const targets = plan.targets.map((target) => target.name);
  return {
    workflowId: envelope.run,
    args: [{ ...envelope, verb: 'start', digest: plan.digest } satisfies StartEnvelope] as [
      StartEnvelope,
    ],
    workflowIdReusePolicy: 'REJECT_DUPLICATE' as const,
    workflowTaskTimeout,
    // Its activities and its later executions inherit it.
    priority: taskPriority(plan.runbook.priority),
    staticSummary: `${titleOf(plan)}: ${reasonOf(envelope)}`,
    staticDetails: details(envelope, plan),
    // Shown as it is, not as Markdown, and read by `runbook runs`.
    memo: { runbook: envelope.runbook, requester: envelope.by, reason: envelope.reason },
    typedSearchAttributes: [
      { key: searchAttributes.state, value: 'running' },
      { key: searchAttributes.type, value: plan.runbook.type },
      { key: searchAttributes.priority, value: plan.runbook.priority },
      ...(targets.length > 0 ? [{ key: searchAttributes.target, value: targets }] : []),
      { key: searchAttributes.step, value: '' },
      { key: searchAttributes.requester, value: envelope.by },
    ],
  };
}

/**
 * The order in which Temporal dispatches waiting tasks, from 1, the first, to 5; its default is 3.
 * A drill is as urgent as the real thing.
 */
export function taskPriority(priority: Priority): { priorityKey: number } {
  return { priorityKey: priorities.indexOf(priority) + 1 };
}

/**
 * A readable id that no other run has: `<runbook>-<UTC date and time>-<4 random characters>`.
 * @param random at least four characters
 */
export function runId(runbook: string, now: Date, random: string): string {
  const stamp = now.toISOString().replace(/[-:]/g, '').slice(0, 15).replace('T', '-');
  return `${runbook}-${stamp}-${random.slice(0, 4)}`;
}

function titleOf({ drill, runbook }: Plan): string {
  return `${drill ? 'Drill: ' : ''}${markdown(runbook.title)}`;
}

/** What runs and why, for the Temporal UI: Markdown. */
function details(envelope: StartEnvelope, plan: Plan): string {
  const inputs = Object.entries(plan.inputs).map(
    ([name, value]) => `- ${markdown(name)}: ${codeSpan(JSON.stringify(value))}`,
  );
  return [
    `${markdown(plan.runbook.id)} ${markdown(plan.runbook.version)}, asked for by ` +
      `${markdown(envelope.by, 300)}: ${reasonOf(envelope)}`,
    `Plan ${codeSpan(plan.digest)}`,
    inputs.join('\n'),
  ].join('\n\n');
}

function reasonOf({ reason }: StartEnvelope): string {
  return markdown(reason, 300) || 'no reason given';
}
