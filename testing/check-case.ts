import { problemAt, type Problem } from '../language/document/problem.js';
import { comparable } from '../language/document/named-steps.js';
import { canonicalJson, type Json } from '../language/json.js';
import { isObject } from '../language/objects.js';
import { flat } from '../common/plain.js';
import { branchOf, differenceOf, type Difference } from './path-taken.js';
import type { CaseRun } from './run-case.js';
import type { RunbookTest, TestCase } from './test-file.js';
import { readBy, whyOf } from './why.js';
import { refusalsOf } from './world.js';

/** Why the case cannot be started. */
export function refusedCase({ catalogue }: RunbookTest, each: TestCase): Problem[] {
  return refusalsOf({ catalogue, inputs: each.inputs, targets: each.targets }).map(
    ({ message, next }) =>
      problemAt(each.place, {
        ...{ rule: 'refused', message: `nothing was started: ${message}`, hint: inTest(next) },
      }),
  );
}

/** What is declared of targets stands in the test. */
function inTest(next: string | undefined): string | undefined {
  return next?.includes('targets.yaml')
    ? 'declare it in the test: given: { targets: { NAME: { kind: …, facts: { … } } } }'
    : next;
}

/** Everything in which a run is not what its case expects. */
export function problemsOf(test: RunbookTest, each: TestCase, run: CaseRun): Problem[] {
  const blocked = blockedBy(test, each, run);
  if (blocked) return [blocked];
  const { expected } = each;
  return [
    ...refusedAnswer(each, run),
    ...pathProblem(test, each, run),
    ...listProblem(each, 'gates', expected.gates, run.gates),
    ...listProblem(each, 'undos', expected.undos, run.undos),
    ...stateProblem(test, each, run),
    ...outputsProblem(each, run),
    ...unusedAnswers(each, run),
  ];
}

/** A value that the test does not give: what the run does without it is no test. */
function blockedBy(test: RunbookTest, each: TestCase, run: CaseRun): Problem | null {
  const { view } = run;
  const unsure = view.steps.find(({ kind, output }) => kind === 'choice' && isUnsure(output));
  const [wait] = view.waitingFor;
  const stopped =
    unsure ?? view.steps.find(({ id, state }) => id === wait?.id || state === 'failed');
  const missing =
    stopped && readBy(test, view, stopped.id).find(({ step }) => run.notGiven.has(step));
  if (!stopped || !missing || (view.state === 'waiting' && !unsure)) return null;
  const { step, reference } = missing;
  const field = reference.split('.').at(-1) ?? '';
  return problemAt(each.place, {
    rule: 'not-given',
    message:
      `${branchOf(stopped)} reads ${reference}, and ` +
      `the test does not say what ${step} comes to`,
    hint: `write given: { steps: { ${step}: { ${field}: … } } }`,
  });
}

/** A case that could not be told was passed over. */
function isUnsure(output: Json): boolean {
  return isObject(output) && Object.hasOwn(output, 'unknown');
}

function refusedAnswer(each: TestCase, { refused }: CaseRun): Problem[] {
  if (!refused) return [];
  const message = `the answer for ${refused.path} was refused: ${refused.message}`;
  return [problemAt(each.place, { rule: 'answer-refused', message })];
}

function pathProblem(test: RunbookTest, each: TestCase, run: CaseRun): Problem[] {
  const { path: expected } = each.expected;
  const difference = expected && differenceOf(expected, run.path);
  if (!expected || !difference) return [];
  const { at, taken } = difference;
  const wanted = expected[at];
  const did = taken ? `${taken.path} was done` : 'nothing more was done';
  const message =
    wanted === undefined
      ? `${taken?.path ?? ''} was done too`
      : `${did}${taken ? ' here' : ''}, not ${wanted}`;
  const steps = run.path.filter(({ what }) => what === 'step').map(({ path }) => path);
  const hint = [
    `it took ${steps.join(', ') || 'no step'}`,
    ...reasons(test, run, expected, difference),
  ];
  const place = each.placeOf('path', at);
  return [problemAt(place, { rule: 'path', message, hint: hint.join('\n') })];
}

/** The choices that led there, and the condition of a step that was left out. */
function reasons(
  test: RunbookTest,
  { path, view }: CaseRun,
  expected: readonly string[],
  { at }: Difference,
): string[] {
  const choices = path.flatMap(({ what, path: chosen, row }) =>
    what === 'choice' ? whyOf(test, view, row.id).map((why) => `${chosen}: ${why}`) : [],
  );
  const wanted = expected[at];
  const left = view.steps.find(
    ({ id, state }) =>
      wanted !== undefined && comparable(id) === comparable(wanted) && state === 'not-needed',
  );
  const why = left ? whyOf(test, view, left.id).map((each) => `${left.id}: ${each}`) : [];
  return [...why, ...choices].slice(0, 6);
}

function listProblem(
  each: TestCase,
  key: 'gates' | 'undos',
  expected: readonly string[] | undefined,
  taken: readonly string[],
): Problem[] {
  if (!expected) return [];
  const same = (one: string | undefined, other: string | undefined): boolean =>
    one !== undefined && other !== undefined && comparable(one) === comparable(other);
  const at = Array.from(
    { length: Math.max(expected.length, taken.length) },
    (_, place) => place,
  ).find((place) => !same(expected[place], taken[place]));
  if (at === undefined) return [];
  const words = { gates: 'people were asked at', undos: 'these were undone:' }[key];
  const none = { gates: 'nobody was asked at a gate', undos: 'nothing was undone' }[key];
  const message = taken.length === 0 ? none : `${words} ${taken.join(', ')}`;
  return [problemAt(each.placeOf(key, at), { rule: key, message })];
}

function stateProblem(test: RunbookTest, each: TestCase, run: CaseRun): Problem[] {
  const { view } = run;
  const { state } = each.expected;
  const [wait] = view.waitingFor;
  // Where a test says nothing of the end, the run has one.
  if (state === view.state || (state === undefined && !wait && !run.isStuck)) return [];
  const hint = wait ? waitingWords(test, run) : view.problem?.message;
  const message = wait
    ? `the run waits for people at ${run.path.at(-1)?.path ?? wait.id}: it is ${view.state}`
    : `the run is ${view.state}${state === undefined ? '' : `, not ${state}`}`;
  return [problemAt(each.placeOf('state'), { rule: 'state', message, hint })];
}

function waitingWords(test: RunbookTest, { view }: CaseRun): string {
  return view.waitingFor
    .flatMap(({ id, title, verbs, evidence }) => {
      const happened = evidence['what happened'];
      return [
        `${title}${happened === undefined ? '' : `: ${flat(happened)}`}`,
        ...whyOf(test, view, id),
        `let people answer it: answer: { ${id}: ${verbs.join(' | ')} }`,
      ];
    })
    .join('\n');
}

function outputsProblem(each: TestCase, { view }: CaseRun): Problem[] {
  const { outputs = {} } = each.expected;
  const other = Object.entries(outputs).filter(
    ([name, value]) => canonicalJson(view.outputs[name]) !== canonicalJson(value),
  );
  return other.map(([name]) => {
    const value = view.outputs[name];
    const message = `output ${name} is ${value === undefined ? 'absent' : JSON.stringify(value)}`;
    return problemAt(each.placeOf('outputs'), { rule: 'outputs', message });
  });
}

/** An answer that nobody asked for is a mistake in the test, or in the runbook. */
function unusedAnswers(each: TestCase, run: CaseRun): Problem[] {
  return [...each.answers.keys()]
    .filter((path) => !run.answered.has(path) && !each.sharedAnswers.has(path))
    .map((path) =>
      problemAt(each.placeOfAnswer(path), {
        rule: 'answer-unused',
        message: `nobody was asked about ${path}`,
      }),
    );
}
