import { comparable, isNamed } from '../language/document/named-steps.js';
import type { Outcome } from '../language/document/schema/test.js';
import { namesOf, pathOf, undoneBy } from '../language/paths.js';
import type { AnswerVerb } from '../common/questions.js';
import type { RunView, WaitView } from '../common/view.js';
import type { Driver } from './driver/driver.js';
import type { Run } from './driver/run.js';
import type { TraceEntry } from './driver/trace.js';
import { entriesOf, gateOf, provedAt, undosOf, type Entry } from './path-taken.js';
import { decide, decisionFor, sentFor, viewOf, type Sent } from './people.js';
import { Play, type Given } from './play.js';
import { inTurn, type Answer, type RunbookTest, type TestCase } from './test-file.js';
import { activitiesOf, startOf } from './world.js';

/** Decisions and passages of time in one run, at most: a test is no place for more. */
const mostMoves = 20_000;

/** What a run under test came to. */
export interface CaseRun {
  view: RunView;
  path: Entry[];
  gates: string[];
  undos: string[];
  trace: readonly TraceEntry[];
  /** It neither ended nor waits for people. */
  isStuck: boolean;
  /** Steps that were done, and of which the test says nothing. */
  notGiven: ReadonlySet<string>;
  /** Paths of answers that were asked for. */
  answered: ReadonlySet<string>;
  /** An answer that was refused. */
  refused?: { path: string; message: string };
}

/** What people say to a question of the run; null: nobody says anything. */
export type Answerer = (wait: WaitView, path: string) => Sent | null;

/** Runs a case as its file has it. */
export function runCase(driver: Driver, test: RunbookTest, each: TestCase): Promise<CaseRun> {
  const people = new Answers(each.answers);
  return runWith(driver, test, each, givenBy(test, each), (wait, path) => people.to(wait, path), {
    answered: people.used,
  });
}

/**
 * Runs a case with other outcomes and answers.
 * @param meet called whenever the run waits for people, before they answer; says whether it did
 *   something
 */
export async function runWith(
  driver: Driver,
  test: RunbookTest,
  each: TestCase,
  given: Given,
  answer: Answerer,
  more: {
    answered?: ReadonlySet<string>;
    meet?: (run: Run, view: RunView) => Promise<boolean>;
  } = {},
): Promise<CaseRun> {
  const { catalogue, runbook, steps } = test;
  const play = new Play(given);
  const start = startOf(runbook.id, each.inputs);
  const run = driver.start(runbook.id, [start], {
    workflowId: start.run,
    activities: activitiesOf({ catalogue, inputs: each.inputs, targets: each.targets }, play),
  });
  let refused: CaseRun['refused'];
  try {
    for (let moves = 0; moves < mostMoves; moves += 1) {
      await run.settle();
      if (run.ended) break;
      const now = await viewOf(run);
      if (now.waitingFor.length > 0 && (await more.meet?.(run, now))) continue;
      const next = now.waitingFor.flatMap((wait) => {
        const path = gateOf(wait.id, steps);
        const sent = answer(wait, path);
        return sent ? [{ wait, path, sent }] : [];
      })[0];
      if (!next) {
        if (await run.tick()) continue;
        break;
      }
      const verdict = await decide(run, decisionFor(run, next.wait, next.sent));
      if (verdict?.accepted !== false) continue;
      refused = { path: next.path, message: verdict.message };
      break;
    }
    const view = await viewOf(run);
    const path = entriesOf(view, steps);
    return {
      ...{ view, path, trace: run.trace, notGiven: play.notGiven },
      gates: path.filter(({ what }) => what === 'gate').map((gate) => gate.path),
      undos: undosOf(view, run.trace),
      isStuck: !run.ended && view.waitingFor.length === 0,
      answered: more.answered ?? new Set(),
      ...(refused ? { refused } : {}),
    };
  } finally {
    await run.dispose();
  }
}

/** What is looked for is not there, where the test does not say that it is. */
const notDone: readonly Outcome[] = [{ failed: 'VerifyFailed' }];

/** The outcomes that a case gives, by the engine's paths. */
export function givenBy(
  { steps }: RunbookTest,
  { outcomes }: TestCase,
): (path: string) => readonly Outcome[] | undefined {
  const find = (path: string): readonly Outcome[] | undefined => {
    const own = outcomes.get(comparable(path));
    if (own) return own;
    // In a loop a step may be named without the item.
    const step = steps.find((each) => isNamed(path, each));
    const declared = step && pathOf(namesOf(step.path).filter((name) => name !== '*'));
    return declared === undefined ? undefined : outcomes.get(comparable(declared));
  };
  return (path) => {
    const undone = undoneBy(path);
    if (undone !== null) return inTurn(find(undone)?.at(-1)?.undo);
    const proved = provedAt(path, steps);
    return proved === null ? find(path) : (inTurn(find(proved)?.[0]?.proof) ?? notDone);
  };
}

/** Questions that are answered so where the test says nothing. */
const usual: Partial<Record<WaitView['kind'], AnswerVerb>> = {
  approval: 'approve',
  manual: 'done',
};

/** What the test lets people say. */
class Answers {
  readonly used = new Set<string>();
  private readonly left: Map<string, Answer[]>;

  constructor(answers: ReadonlyMap<string, readonly Answer[]>) {
    this.left = new Map([...answers].map(([path, list]) => [path, [...list]]));
  }

  to(wait: WaitView, path: string): Sent | null {
    const answers = this.left.get(comparable(path)) ?? [];
    const sent = answers.map((each) => sentFor(each));
    const at = sent.findIndex((each) => each === null || wait.verbs.includes(each.verb));
    if (at === -1) return usualAnswer(wait);
    this.used.add(comparable(path));
    // Nobody stays nobody.
    if (sent[at] !== null) answers.splice(at, 1);
    return sent[at] ?? null;
  }
}

/** @returns null where people have to decide, or to say more than that they did it */
export function usualAnswer({ kind, answers = [] }: WaitView): Sent | null {
  const verb = usual[kind];
  return verb === undefined || answers.length > 0 ? null : { verb, reason: 'as usual' };
}
