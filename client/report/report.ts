import { answeredWith } from '../../common/questions.js';
import { isLeaseWait } from '../../common/lease.js';
import {
  endStates,
  type AttemptView,
  type RunView,
  type StepView,
  type TimelineEntry,
} from '../../common/view.js';

/** The data of a report; it looks the same whether read from Temporal or from the record. */
export interface Report {
  view: RunView;
  /** Empty when the record is down: the report then uses the steps alone. */
  attempts: AttemptView[];
  history: TimelineEntry[];
  /** ISO time; what still runs is drawn up to here. */
  generatedAt: string;
  /** The run in the Temporal UI, when it is not the one in `view`. */
  uiUrl?: string;
}

/** A stretch of time in epoch milliseconds. */
export interface Span {
  from: number;
  to: number;
}

export interface Wait extends Span {
  step: string;
  state: string;
  by: string | null;
  open: boolean;
  evidence: TimelineEntry['evidence'];
  digest: TimelineEntry['digest'];
  follows: TimelineEntry['follows'];
}

/** The division of the run's time, in milliseconds; the four parts add up to `total`. */
export interface TimeSpent {
  total: number;
  /** At a gate, with nothing else under way. */
  waiting: number;
  /** With at least one attempt under way. */
  executing: number;
  /** For a target that another run held, with nothing else under way. */
  queued: number;
  /** Anything else: back-off between attempts, workers or servers down. */
  between: number;
}

export function isLive(view: RunView): boolean {
  return !endStates.has(view.state);
}

/** From the run's start to its end, or to the report's own time while it goes on. */
export function runSpan({ view, generatedAt }: Report): Span {
  const from = Date.parse(view.startedAt);
  return { from, to: Math.max(from, Date.parse(view.endedAt ?? generatedAt)) };
}

/** When the attempt ran. One without an end still runs. */
export function attemptSpan(attempt: AttemptView, report: Report): Span {
  return spanOf(attempt.startedAt, attempt.endedAt, report);
}

/**
 * When the step was under way; null for one that never began. Where the record has its attempts,
 * from the first one to the last: the run's own times also count how long it waited for a worker.
 */
export function stepSpan(step: StepView, report: Report): Span | null {
  const own = report.attempts.filter(({ step: of, undo }) => of === step.id && !undo);
  if (own.length > 0) {
    const spans = own.map((attempt) => attemptSpan(attempt, report));
    return {
      from: Math.min(...spans.map(({ from }) => from)),
      to: Math.max(...spans.map(({ to }) => to)),
    };
  }
  return step.startedAt === null ? null : spanOf(step.startedAt, step.endedAt, report);
}

/** Every opening of a gate; from the gates' own rows where there is no history. */
export function waitsOf(report: Report): Wait[] {
  const recorded = report.history.filter((entry) => entry.kind === 'wait');
  if (recorded.length > 0) {
    return recorded.map((entry) => ({
      ...spanOf(entry.at, entry.until, report),
      step: entry.step ?? '',
      state: entry.state,
      by: entry.by,
      open: entry.until === null,
      evidence: entry.evidence,
      digest: entry.digest,
      follows: entry.follows,
    }));
  }
  return report.view.steps.flatMap((step) => {
    const span = step.kind === 'approval' ? stepSpan(step, report) : null;
    if (!span) return [];
    const decision = report.view.decisions.findLast(
      (candidate) => candidate.accepted && candidate.about?.id === step.id,
    );
    const open = report.view.waitingFor.find((wait) => wait.id === step.id);
    const state = open ? 'waiting' : decision ? answeredWith(decision.verb).state : 'closed';
    return [
      {
        ...span,
        step: step.id,
        state,
        by: decision?.by ?? null,
        open: open !== undefined,
        evidence: open?.evidence,
        digest: open?.digest,
        follows: open?.follows,
      },
    ];
  });
}

/** Those of them at which people were shown something. */
export function waitsShown(report: Report): Wait[] {
  return waitsOf(report).filter(
    ({ evidence = {}, follows = [] }) => Object.keys(evidence).length > 0 || follows.length > 0,
  );
}

/** Divides the run's time. */
export function timeSpent(report: Report): TimeSpent {
  const run = runSpan(report);
  const busy =
    report.attempts.length > 0
      ? report.attempts.map((attempt) => attemptSpan(attempt, report))
      : workSpans(report);
  const executing = covered(busy, run);
  const waits = waitsOf(report);
  // A wait for a target is no wait for people.
  const either = covered([...busy, ...waits.filter(({ step }) => !isLeaseWait(step))], run);
  const any = covered([...busy, ...waits], run);
  const total = run.to - run.from;
  return {
    total,
    executing,
    waiting: either - executing,
    queued: any - either,
    between: total - any,
  };
}

/** The step that the run failed at, or is at now; undefined when there is none. */
export function currentStep(view: RunView): StepView | undefined {
  const at = isLive(view)
    ? ['running', 'waiting', 'undoing', 'needs-operator']
    : ['failed', 'needs-operator', 'unknown'];
  // The part says more than its group.
  return (
    view.steps.findLast((step) => at.includes(step.state) && step.error !== null) ??
    view.steps.findLast((step) => at.includes(step.state))
  );
}

/** Milliseconds of a run's span that at least one of the spans covers. */
function covered(spans: readonly Span[], within: Span): number {
  let sum = 0;
  let end = within.from;
  for (const span of [...spans].sort((a, b) => a.from - b.from)) {
    const to = Math.min(span.to, within.to);
    sum += Math.max(0, to - Math.max(span.from, end));
    end = Math.max(end, to);
  }
  return sum;
}

function workSpans(report: Report): Span[] {
  return report.view.steps
    .filter((step) => step.kind !== 'approval')
    .flatMap((step) => stepSpan(step, report) ?? []);
}

function spanOf(from: string, to: string | null, report: Report): Span {
  const start = Date.parse(from);
  // In an ended run, a span without an end stopped with the run at the latest.
  return { from: start, to: Math.max(start, to === null ? runSpan(report).to : Date.parse(to)) };
}
