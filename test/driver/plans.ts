import type { DecisionEnvelope, StartEnvelope, Verdict } from '../../common/envelope.js';
import { rulesOfQuestion } from '../../common/questions.js';
import type { RunView } from '../../common/view.js';
import { Library } from '../../language/document/library.js';
import { lint } from '../../language/document/lint.js';
import { read, type Written } from '../../language/document/read.js';
import { toSpec } from '../../language/document/to-spec.js';
import type { RunbookSpec } from '../../language/runbook.js';
import { runbookOf } from '../helpers/runbook.js';
import type { Driver } from '../../testing/driver/driver.js';
import type { Run } from '../../testing/driver/run.js';
import type { RunOptions } from '../../testing/driver/server.js';
import { outline } from '../../testing/driver/trace.js';
import { activities, envelope, status, stepFailure, type PlayCommand } from './world.js';
import { plainRunbook } from '../helpers/plain-runbook.js';

/*
 * Plans as data for the driver, and people who tell their runs something.
 */

/** A change that can be undone. */
export function change(id: string, more: object = {}): object {
  return {
    id,
    title: `Change ${id}`,
    kind: 'command',
    effect: 'change',
    retry: { attempts: 1 },
    undo: `Take back ${id}`,
    work: {
      action: { kind: 'command', argv: ['do', { $: 'inputs.word' }] },
      undo: { kind: 'command', argv: ['undo'] },
    },
    ...more,
  };
}

/** A change that cannot be undone. @param work what else it does */
export function lasting(id: string, work: object = {}): object {
  return change(id, {
    undo: undefined,
    work: { action: { kind: 'command', argv: ['do'] }, ...work },
  });
}

/** The runbook `told` whose file has these lines of steps, two columns in. */
export function written(...lines: readonly string[]): RunbookSpec {
  const head = [
    ...['runbook: told', 'version: 1.0.0', 'title: told', 'type: MAINTENANCE', 'priority: LOW'],
    ...['owner: test', 'inputs:'],
    '  word: { type: text, description: a word, default: hello, maxLength: 10 }',
    'steps:',
  ];
  const text = [...head, ...lines, ''].join('\n');
  const found = lint(text, 'told.runbook.yaml', new Library());
  const wrong = found.filter(({ severity }) => severity === 'error');
  const made = toSpec(read(text, 'told.runbook.yaml') as Written, new Library());
  if ('spec' in made && wrong.length === 0) return made.spec;
  const problems = [...wrong, ...('problems' in made ? made.problems : [])];
  throw new Error(problems.map(({ line, message }) => `${line}: ${message}`).join('\n'));
}

/** The runbook `told` with the steps given. */
export function runbook(inner: readonly object[], more: object = {}): RunbookSpec {
  const inputs = { word: { type: 'text', description: 'a word', default: 'hello', maxLength: 10 } };
  return runbookOf({ ...plainRunbook({ id: 'told', steps: inner, inputs }), ...more });
}

export const fine: PlayCommand = ({ step, action }) => ({
  did: step.path,
  with: action.argv[1] ?? null,
});

/** @param paths whose commands fail for good, each time */
export function failing(...paths: string[]): PlayCommand {
  return (request, activity) => {
    if (paths.includes(request.step.path))
      throw stepFailure(request, activity, 'CommandMissing', 'not there');
    return request.step.path;
  };
}

/** A run of the runbook `told`. */
export function begin(
  driver: Driver,
  spec: RunbookSpec,
  play = fine,
  change: Partial<StartEnvelope> = {},
  options: Partial<RunOptions> = {},
): Run {
  const asked = { ...envelope(spec.id, {}), ...change };
  return driver.start(spec.id, [asked], {
    workflowId: asked.run,
    activities: activities(play, [spec]),
    ...options,
  });
}

let count = 0;

/** Sends a decision. @returns its id */
export function send(
  run: Run,
  verb: DecisionEnvelope['verb'],
  more: Partial<DecisionEnvelope> = {},
): string {
  count += 1;
  const id = `told-${count}`;
  run.signal('decide', {
    version: 1,
    id,
    run: run.workflowId,
    verb,
    by: 'operator',
    reason: 'because',
    ...more,
  });
  return id;
}

/** The same, with its answer. */
export async function tell(
  run: Run,
  verb: DecisionEnvelope['verb'],
  more: Partial<DecisionEnvelope> = {},
): Promise<Verdict | null> {
  const id = send(run, verb, more);
  await run.advance(50);
  return run.query<Verdict | null>('verdict', id);
}

/** What a decision has to name that answers what the run waits for. */
export async function about(run: Run): Promise<Partial<DecisionEnvelope>> {
  const wait = (await status(run)).waitingFor[0];
  if (!wait) throw new Error('the run waits for nothing');
  const { kind, id, attempt, digest } = wait;
  return { about: { kind: rulesOfQuestion(kind).about, id }, attempt, digest };
}

/** Answers what the run waits for. */
export async function answer(
  run: Run,
  verb: DecisionEnvelope['verb'],
  more: Partial<DecisionEnvelope> = {},
): Promise<Verdict | null> {
  await run.advance(50);
  return tell(run, verb, { ...(await about(run)), ...more });
}

export const states = (view: RunView): Record<string, string> =>
  Object.fromEntries(view.steps.map((step) => [step.id, step.state]));

/** The commands that were asked for, in order, by their step's path. */
export const commands = (run: Run): string[] =>
  outline(run.trace).flatMap((line) => /^command (.*)$/.exec(line)?.[1] ?? []);

/** A gate, and a step that people do. */
export const gate = { id: 'gate', title: 'Go on?', kind: 'approval', effect: 'read' };
export const hand = { id: 'hand', title: 'By hand', kind: 'manual', effect: 'read' };
