import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { AttemptRequest } from '../../common/attempt.js';
import type { BorderLimits } from '../../common/admission.js';
import type { Verdict } from '../../common/envelope.js';
import { rulesOfQuestion } from '../../common/questions.js';
import type { RunView } from '../../common/view.js';
import type { RunbookSpec } from '../../language/runbook.js';
import { isLong } from '../chaos/tell.js';
import { runbookOf } from '../helpers/runbook.js';
import type { CommandAction } from '../../language/kinds/command.js';
import type { ActivityContext } from '../../testing/driver/attempt.js';
import type { Driver } from '../../testing/driver/driver.js';
import type { Run } from '../../testing/driver/run.js';
import { randomFrom, type Random } from '../../testing/driver/random.js';
import { outline } from '../../testing/driver/trace.js';
import { openDriver } from './open.js';
import { expectedOf, randomSteps, type Expected, type ModelStep } from './plan-model.js';
import { Recorded } from './recorded.js';
import { activities, envelope, status, stepFailure, type PlayCommand } from './world.js';
import { plainRunbook } from '../helpers/plain-runbook.js';

/*
 * Random plans, as data, on the real workflow code: what they do must be what the model says,
 * however often the run continues as new, is poked or paused on its way.
 */

const seeds = Number(process.env['RUNBOOK_MODEL_SEEDS'] ?? (isLong ? 1_000 : 60));
const firstSeed = Number(process.env['RUNBOOK_MODEL_SEED'] ?? 1);

let driver: Driver;
beforeAll(async () => {
  driver = await openDriver('workflows/index');
}, 60_000);
afterAll(() => driver?.close());

interface Seen {
  view: RunView;
  effects: string[];
  undone: string[];
  executions: number;
  recorded: Recorded;
}

/** The model's steps as runbooks: the outer one and those nested in it. */
function runbooksOf(steps: readonly ModelStep[]): RunbookSpec[] {
  const made: RunbookSpec[] = [];
  make('modelled', steps);
  return made.reverse();

  function make(id: string, inner: readonly ModelStep[]): void {
    const steps = inner.map((step) => dataOf(step, id));
    made.push(runbookOf(plainRunbook({ id, steps })));
  }

  function dataOf(step: ModelStep, within: string): object {
    const base = {
      id: step.id,
      title: step.id,
      effect: 'change',
      ...(step.when === undefined ? {} : { when: `run.id ${step.when ? '!=' : '=='} ""` }),
    };
    switch (step.kind) {
      case 'approval':
        return { ...base, kind: 'approval', effect: 'read', approvers: 'another' };
      case 'manual':
        return { ...base, kind: 'manual', instructions: 'do it' };
      case 'parallel':
        return {
          ...base,
          kind: 'parallel',
          steps: step.steps.map((each) => dataOf(each, `${within}-${step.id}`)),
        };
      case 'forEach':
        return {
          ...base,
          kind: 'forEach',
          items: step.items,
          concurrency: 2,
          steps: step.steps.map((each) => dataOf(each, `${within}-${step.id}`)),
        };
      case 'runbook': {
        const id = `${within}-${step.id}`;
        make(id, step.steps);
        return { ...base, kind: 'runbook', runbook: id };
      }
      case 'command':
        return {
          ...base,
          kind: 'command',
          retry: { attempts: step.attempts, initialMs: 50, factor: 1 },
          onFailure: step.onFailure,
          ...(step.pointOfNoReturn ? { pointOfNoReturn: true } : {}),
          ...(step.undo ? { undo: 'take it back' } : {}),
          work: {
            action: { kind: 'command', argv: ['do'] },
            ...(step.undo ? { undo: { kind: 'command', argv: ['undo'] } } : {}),
          },
        };
    }
  }
}

/** Every step by the path that it has in the run. */
function byPath(steps: readonly ModelStep[], at = ''): Map<string, ModelStep> {
  const found = new Map<string, ModelStep>();
  for (const step of steps) {
    found.set(`${at}${step.id}`, step);
    if (!('steps' in step)) continue;
    const places =
      step.kind === 'forEach'
        ? step.items.map((item) => `${at}${step.id}/${item}/`)
        : [`${at}${step.id}/`];
    for (const place of places)
      for (const [path, inner] of byPath(step.steps, place)) found.set(path, inner);
  }
  return found;
}

/**
 * Runs the plan with people and a world that play its script.
 * @param trouble pokes and pauses on the way, when given
 */
async function play(
  steps: readonly ModelStep[],
  border?: BorderLimits,
  trouble?: Random,
): Promise<Seen> {
  const known = byPath(steps);
  const effects: string[] = [];
  const undone: string[] = [];
  const tried = new Map<string, number>();
  const count = (key: string): number => {
    tried.set(key, (tried.get(key) ?? 0) + 1);
    return (tried.get(key) as number) - 1;
  };
  const commands: PlayCommand = async (
    request: AttemptRequest<CommandAction>,
    activity: ActivityContext,
  ) => {
    const isUndo = request.step.path.endsWith('.undo');
    const path = request.step.path.replace(/\.undo$/, '');
    const step = known.get(path);
    if (step?.kind !== 'command') throw new Error(`${path} is no command`);
    await activity.sleep(1 + (path.length % 7));
    const tries = isUndo ? (step.undo?.tries ?? []) : step.tries;
    const nth = count(request.step.path);
    const came = tries[nth] ?? 'ok';
    if (came === 'ok') {
      (isUndo ? undone : effects).push(path);
      return null;
    }
    // As the record counts: over all activities of the step.
    const failed = nth + 1;
    throw stepFailure(
      { ...request, attempts: failed >= request.attempts ? 0 : Infinity },
      activity,
      came === 'fails for good' ? 'CommandMissing' : 'CommandFailed',
      came,
    );
  };
  const catalogue = runbooksOf(steps);
  const recorded = new Recorded();
  const asked = envelope('modelled', {}, 'modelled-run');
  const run = driver.start('modelled', [asked], {
    workflowId: asked.run,
    activities: recorded.around(activities(commands, catalogue, border)),
  });
  await lead(run, known, trouble);
  const view = await status(run);
  const executions = run.trace.filter((entry) => entry.type === 'continue-as-new').length + 1;
  return { view, effects, undone, executions, recorded };
}

/** Answers whatever the run asks, as the script says, until it has ended. */
async function lead(run: Run, known: Map<string, ModelStep>, trouble?: Random): Promise<void> {
  const given = new Map<string, number>();
  for (let round = 0; ; round += 1) {
    if (round > 5_000 || run.trace.length > 20_000) {
      throw new Error(
        `the run does not end: after ${round} rounds it did ${outline(run.trace).slice(-12).join(', ')}`,
      );
    }
    // In small steps, so that trouble meets the run at any moment.
    await run.advance(trouble ? Math.floor(trouble() * 12) : 20);
    if (run.ended) return;
    if (trouble && trouble() < 0.3) run.signal('border');
    if (trouble && trouble() < 0.1) {
      run.signal('decide', {
        version: 1,
        id: `p${round}`,
        run: run.workflowId,
        verb: 'pause',
        by: 'o',
        reason: 'look',
      });
      await run.settle();
      run.signal('decide', {
        version: 1,
        id: `r${round}`,
        run: run.workflowId,
        verb: 'resume',
        by: 'o',
        reason: 'looked',
      });
    }
    await run.settle();
    if (run.ended) return;
    const wait = (await status(run)).waitingFor[0];
    if (!wait) continue;
    const isUndo = wait.id.endsWith('.undo');
    const step = known.get(wait.id.replace(/\.undo$/, ''));
    const isByHand = 'what to do' in wait.evidence;
    const verb = answerTo(step, { isUndo, isByHand }, given.get(wait.id) ?? 0);
    run.signal('decide', {
      ...{
        version: 1,
        id: `d${round}`,
        run: run.workflowId,
        verb,
        by: 'approver',
        reason: 'script',
      },
      ...{
        about: { kind: rulesOfQuestion(wait.kind).about, id: wait.id },
        attempt: wait.attempt,
        digest: wait.digest,
      },
    });
    if (await judgedGood(run, `d${round}`)) given.set(wait.id, (given.get(wait.id) ?? 0) + 1);
  }
}

async function judgedGood(run: Run, decision: string): Promise<boolean> {
  for (let tries = 0; tries < 1_000; tries += 1) {
    // A new execution answers once it has begun; a server lets the query wait for that.
    const verdict = await run.query<Verdict | null>('verdict', decision).catch(() => null);
    if (verdict) return verdict.accepted;
    await run.advance(2);
  }
  throw new Error(`decision ${decision} got no answer`);
}

/** @param nth how many answers it has had */
function answerTo(
  step: ModelStep | undefined,
  { isUndo, isByHand }: { isUndo: boolean; isByHand: boolean },
  nth: number,
): string {
  if (step?.kind === 'approval') return step.approve ? 'approve' : 'reject';
  if (step?.kind === 'manual') return step.answer;
  if (step?.kind !== 'command') throw new Error('nothing there to answer');
  const answers = isUndo ? (step.undo?.answers ?? []) : step.answers;
  return answers[nth] ?? (isByHand ? 'done' : 'retry');
}

/** What was seen, in the model's words. */
function outcomeOf(seen: Seen, expected: Expected, groups: ReadonlySet<string>): object {
  const states = Object.fromEntries(
    seen.view.steps
      .filter((step) => step.id in expected.steps || step.state !== 'pending')
      .map((step) => [step.id, step.state]),
  );
  return {
    state: seen.view.state,
    effects: inModelOrder(seen.effects, expected.effects),
    undone: groupsSorted(seen.undone, groups),
    steps: states,
  };
}

/** Paths of the groups whose parts run at once. */
function groupsOf(steps: readonly ModelStep[]): Set<string> {
  return new Set(
    [...byPath(steps)]
      .filter(([, step]) => step.kind === 'parallel' || step.kind === 'forEach')
      .map(([path]) => path),
  );
}

/** What ran at once is undone in the order of time, which the model does not know. */
function groupsSorted(undone: readonly string[], groups: ReadonlySet<string>): string[][] {
  const chunks: { group: string; paths: string[] }[] = [];
  for (const path of undone) {
    const parts = path.split('/');
    const at = parts.findIndex((_, index) => groups.has(parts.slice(0, index + 1).join('/')));
    const group = at === -1 ? path : parts.slice(0, at + 1).join('/');
    const last = chunks.at(-1);
    if (last?.group === group) last.paths.push(path);
    else chunks.push({ group, paths: [path] });
  }
  return chunks.map((chunk) => chunk.paths.sort());
}

/** Effects of a group come in any order: they are compared as a set, at their place. */
function inModelOrder(effects: readonly string[], expected: Expected['effects']): unknown[] {
  const left = [...effects];
  const grouped = expected.map((each) =>
    typeof each === 'string' ? left.shift() : new Set(left.splice(0, each.size)),
  );
  return left.length > 0 ? [...grouped, ...left] : grouped;
}

describe('random plans come to what the model says', () => {
  for (const [name, limits, troubled] of [
    ['in one execution', undefined, false],
    ['in many executions', { events: 30, bytes: 1_000_000_000, signals: 1_000 }, false],
    ['poked and paused on the way', { events: 40, bytes: 1_000_000_000, signals: 7 }, true],
  ] as const) {
    test(
      name,
      async () => {
        let executions = 0;
        let early = 0;
        const failures: string[] = [];
        for (let seed = firstSeed; seed < firstSeed + seeds; seed += 1) {
          const steps = randomSteps(randomFrom(seed));
          const expected = expectedOf(steps);
          try {
            const seen = await play(
              steps,
              limits,
              troubled ? randomFrom(seed + 1_000_000) : undefined,
            );
            executions += seen.executions;
            early += seen.recorded.early;
            expect(seen.recorded.refused).toEqual([]);
            const groups = groupsOf(steps);
            expect(outcomeOf(seen, expected, groups)).toEqual({
              ...expected,
              undone: groupsSorted(expected.undone, groups),
            });
          } catch (error) {
            failures.push(
              `seed ${seed} (RUNBOOK_MODEL_SEED=${seed} RUNBOOK_MODEL_SEEDS=1): ${(error as Error).message}`,
            );
          }
        }
        process.stderr.write(
          `${seeds} random plans ${name}: ${executions} executions, ${failures.length} otherwise than the model; ${early} requests would come too early without the steps before them\n`,
        );
        expect(early).toBeGreaterThan(seeds);
        expect(failures.slice(0, 3)).toEqual([]);
        if (limits) expect(executions).toBeGreaterThan(seeds);
      },
      240_000,
    );
  }
});
