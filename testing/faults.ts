import type { DecisionEnvelope } from '../common/envelope.js';
import { changesIn } from '../common/left.js';
import type { AnswerVerb } from '../common/questions.js';
import type { RunView, WaitView } from '../common/view.js';
import type { OutcomeFailure } from '../language/document/schema/test.js';
import { isActionKind, type StepKind } from '../language/kinds/index.js';
import { undoneBy } from '../language/paths.js';
import type { Driver } from './driver/driver.js';
import type { Run } from './driver/run.js';
import { decide, decisionFor, type Sent } from './people.js';
import { givenBy, runWith, usualAnswer, type Answerer, type CaseRun } from './run-case.js';
import type { RunbookTest, TestCase } from './test-file.js';
import { people } from './world.js';
import { specOf } from './why.js';

/*
 * Runs that nobody has to write: each step fails in turn and people answer in every way, and each
 * gate is decided by the wrong person, on an outdated view, and twice.
 */

/** What generated runs came to. */
export interface Generated {
  runs: number;
  /** What must not be. */
  findings: string[];
  /** Steps that stay changed after a rollback, each with why. */
  stays: Map<string, string>;
}

/** How a step of a kind fails, for good. */
function failureOf(kind: StepKind): OutcomeFailure {
  switch (kind) {
    case 'command':
      return 'CommandFailed';
    case 'sql':
      return 'SqlRejected';
    case 'http':
    case 'notify':
      return 'HttpRejected';
    case 'check':
      return 'StepTimeout';
    default:
      return 'VerifyFailed';
  }
}

/** What people say about the step that fails; `nobody` says nothing. */
const sayings = ['nobody', 'rollback', 'skip', 'abort'] as const;
type Saying = (typeof sayings)[number];

/** Generates runs from cases that run as they are. */
export class Faults {
  readonly generated: Generated = { runs: 0, findings: [], stays: new Map() };
  private readonly seen = new Set<string>();

  constructor(
    private readonly driver: Driver,
    private readonly test: RunbookTest,
  ) {}

  /** Every fault along the path of a case; what an earlier case has shown is left out. */
  async along(each: TestCase, base: CaseRun): Promise<void> {
    const way: string[] = [];
    for (const { path, what, row } of base.path) {
      way.push(path);
      const isNew = !this.seen.has(way.join('\n'));
      this.seen.add(way.join('\n'));
      if (!isNew) continue;
      if (what === 'gate') await this.gate(each, base, row.id);
      if (what === 'step' && isActionKind(row.kind)) await this.failing(each, row.id, row.kind);
    }
  }

  private async failing(each: TestCase, path: string, kind: StepKind): Promise<void> {
    for (const saying of sayings) {
      const run = await this.run(each, [path], kind, saying);
      this.assertMoves(run, `${path} fails, people say ${saying}`);
      if (saying === 'rollback') await this.rollback(each, run, path, kind);
    }
  }

  private async rollback(
    each: TestCase,
    run: CaseRun,
    path: string,
    kind: StepKind,
  ): Promise<void> {
    const wanted = undosWanted(this.test, run);
    const begun = undosBegun(run);
    if (run.view.state === 'rolled-back' && wanted.join() !== begun.join())
      this.find(
        `${path} fails, people say rollback: undone were ${begun.join(', ') || 'none'}, not ` +
          `${wanted.join(', ') || 'none'}`,
      );
    if (run.view.state === 'rolled-back')
      for (const { id } of changesIn(run.view.steps))
        if (id !== path) this.generated.stays.set(id, path);
    const [first] = begun;
    if (first === undefined) return;
    const broken = await this.run(each, [path, first], kind, 'rollback', true);
    this.assertMoves(broken, `${path} fails, and then the undo of ${first}`);
  }

  /** @param failing the step, and the one whose undo fails too */
  private run(
    each: TestCase,
    [path, undo]: readonly string[],
    kind: StepKind,
    saying: Saying,
    isUndoBroken = false,
  ): Promise<CaseRun> {
    this.generated.runs += 1;
    const given = givenBy(this.test, each);
    const failed = [{ failed: failureOf(kind) }];
    const breaks = (asked: string): boolean =>
      asked === path || (isUndoBroken && undo !== undefined && undoneBy(asked) === undo);
    return runWith(
      this.driver,
      this.test,
      each,
      (asked) => (breaks(asked) ? failed : given(asked)),
      sayingOf(saying),
    );
  }

  private assertMoves({ isStuck, view }: CaseRun, when: string): void {
    if (isStuck) this.find(`${when}: the run is ${view.state}, and nothing can move it`);
  }

  /** The gate is decided by its requester, on an outdated view, then well, and then again. */
  private async gate(each: TestCase, base: CaseRun, id: string): Promise<void> {
    let met = false;
    const meet = async (run: Run, view: RunView): Promise<boolean> => {
      const wait = view.waitingFor.find((every) => every.id === id);
      if (!wait || met) return false;
      met = true;
      await this.wrongly(run, wait);
      return true;
    };
    this.generated.runs += 1;
    const run = await runWith(
      this.driver,
      this.test,
      each,
      givenBy(this.test, each),
      (wait) => usualAnswer(wait),
      { meet },
    );
    this.assertMoves(run, `gate ${id} is decided twice`);
    const twice = doneTwice(run);
    if (twice.length > 0)
      this.find(`gate ${id} is decided twice: ${twice.join(', ')} is done twice`);
    if (base.view.state === 'succeeded' && run.view.state !== 'succeeded')
      this.find(`gate ${id} is decided twice: the run is ${run.view.state}`);
  }

  private async wrongly(run: Run, wait: WaitView): Promise<void> {
    const approve: Sent = { verb: 'approve', reason: 'generated' };
    const tries: Record<string, Partial<DecisionEnvelope>> = {
      ...(wait.deciders === 'another' ? { 'by its requester': { by: people.requester } } : {}),
      'on an outdated view': { digest: 'sha256:outdated' },
      'for another attempt': { attempt: wait.attempt + 1 },
    };
    for (const [how, change] of Object.entries(tries)) {
      const verdict = await decide(run, decisionFor(run, wait, approve, change));
      if (verdict?.accepted !== false) this.find(`gate ${wait.id} is approved ${how}`);
    }
    const good = decisionFor(run, wait, approve);
    const first = await decide(run, good);
    if (!first?.accepted) this.find(`gate ${wait.id} is approved, and refused: ${first?.message}`);
    if (run.ended) return;
    await decide(run, good);
    if (run.ended) return;
    const late = await decide(run, decisionFor(run, wait, approve));
    if (late?.accepted) this.find(`gate ${wait.id} is approved a second time`);
  }

  private find(what: string): void {
    this.generated.findings.push(what);
  }
}

/** Gates are approved, and people say this once of each step that fails; then they end it. */
function sayingOf(saying: Saying): Answerer {
  const said = new Set<string>();
  return (wait) => {
    const usual = usualAnswer(wait);
    if (usual) return usual;
    if (saying === 'nobody') return null;
    const offered = (verb: AnswerVerb): boolean => wait.verbs.includes(verb);
    const isNew = !said.has(wait.id);
    said.add(wait.id);
    const wanted: AnswerVerb[] = [...(isNew ? [saying] : []), 'skip', 'abort'];
    const verb = wanted.find(offered);
    return verb === undefined ? null : { verb, reason: `generated: ${saying}` };
  };
}

/** The order in which undos began. */
function undosBegun({ trace }: CaseRun): string[] {
  const begun = trace.flatMap((entry) =>
    entry.type === 'activity' ? (undoneBy(entry.id) ?? []) : [],
  );
  return [...new Set(begun)];
}

/** The undos of what began, last first; what lies before a point of no return stays. */
function undosWanted(test: RunbookTest, { trace }: CaseRun): string[] {
  let wanted: string[] = [];
  const begun = new Set<string>();
  for (const entry of trace) {
    if (entry.type !== 'activity' || undoneBy(entry.id) !== null || begun.has(entry.id)) continue;
    begun.add(entry.id);
    const spec = specOf(test, entry.id);
    if (spec?.pointOfNoReturn) wanted = [];
    if (spec?.work?.undo) wanted.push(entry.id);
  }
  return wanted.reverse();
}

/** Steps that were begun more often than once, though none of them failed. */
function doneTwice({ trace, view }: CaseRun): string[] {
  const begun = trace.flatMap((entry) => (entry.type === 'activity' ? [entry.id] : []));
  return view.steps
    .filter(({ id, attempts }) => attempts < 2 && begun.filter((each) => each === id).length > 1)
    .map(({ id }) => id);
}
