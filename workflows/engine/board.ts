import { setCurrentDetails, upsertMemo, upsertSearchAttributes } from '@temporalio/workflow';
import type { Json } from '../../language/json.js';
import { isGroup, type StepSpec } from '../../language/runbook.js';
import { pendingStep } from '../../common/initial-view.js';
import { searchAttributes } from '../../common/names.js';
import { groupOf, isOutputRecorded, placesOf, type SavedStep } from '../../common/saved-steps.js';
import type {
  Problem,
  ProgramChange,
  RunState,
  RunView,
  StepState,
  StepView,
  WaitView,
} from '../../common/view.js';
import { renderDetails } from './details.js';

/** Changes of programs that are kept; each attempt has those of its own in the record. */
const changesShown = 100;

/** What Temporal was last told of the run. */
export interface Published {
  state: string;
  step: string;
  command: string;
}

/**
 * The run's state as people see it, and the one place that publishes it (status query, Temporal UI,
 * search attributes).
 */
export class Board {
  private readonly steps = new Map<string, StepView>();
  /** Paths of steps whose present state the record has not been told. */
  private readonly unsaved: Set<string>;

  private paused = false;
  private rollingBack = false;

  /**
   * @param published what the execution before has told Temporal, which keeps it
   * @param unsaved paths of steps that it has not told the record
   */
  constructor(
    readonly view: RunView,
    private published: Published = { state: '', step: '', command: '' },
    unsaved: readonly string[] = [],
  ) {
    this.unsaved = new Set(unsaved);
    for (const step of view.steps) this.steps.set(step.id, step);
  }

  get told(): Published {
    return this.published;
  }

  get left(): string[] {
    return [...this.unsaved];
  }

  /**
   * The steps that the record is to be told of now, and from then on counts as told.
   * @param all those that have not changed as well
   */
  takeUnsaved(all: boolean): SavedStep[] {
    const places = placesOf(this.view.steps);
    const rows = this.view.steps.flatMap((step, index): SavedStep[] =>
      all || this.unsaved.has(step.id)
        ? [
            {
              ...step,
              output: !all && isOutputRecorded(step) ? null : step.output,
              ordinal: places[index] as number,
            },
          ]
        : [],
    );
    this.unsaved.clear();
    return rows;
  }

  /**
   * Rows that an earlier execution of the run, or the run that this one was started from, has
   * settled.
   */
  settled(path: string): StepView | undefined {
    const row = this.steps.get(path);
    return row !== undefined && settledStates.has(row.state) ? row : undefined;
  }

  /**
   * The row of a step; made on first use, behind the rows of its group, when the plan could not
   * know it.
   */
  row(path: string, spec: StepSpec): StepView {
    const known = this.steps.get(path);
    if (known) return known;
    const row = pendingStep(path, spec);
    this.steps.set(path, row);
    this.unsaved.add(path);
    this.view.steps.splice(this.placeOf(path), 0, row);
    return row;
  }

  /** A row that another run has filled. */
  adopt(taken: StepView): void {
    this.unsaved.add(taken.id);
    const row = this.steps.get(taken.id);
    if (row) Object.assign(row, taken);
    else {
      const own = { ...taken };
      this.steps.set(own.id, own);
      this.view.steps.splice(this.placeOf(own.id), 0, own);
    }
  }

  begin(row: StepView, state: 'running' | 'waiting' | 'undoing' = 'running'): void {
    row.state = state;
    row.startedAt ??= now();
    row.endedAt = null;
    row.error = null;
    this.unsaved.add(row.id);
    this.publish(row.id);
  }

  end(
    row: StepView,
    state: StepState,
    result: { output?: Json; error?: Problem | undefined } = {},
  ): void {
    row.state = state;
    row.endedAt = now();
    if (result.output !== undefined) {
      row.output = result.output;
      delete row.outputIn;
    }
    row.error = result.error ?? null;
    this.unsaved.add(row.id);
  }

  /** Programs that are not what they were before. */
  programsChanged(changes: readonly ProgramChange[]): void {
    if (changes.length === 0) return;
    const all = [...(this.view.programsChanged ?? []), ...changes];
    this.view.programsChanged = all.slice(-changesShown);
  }

  /** What a running step waits for. */
  tell(row: StepView, problem: Problem): void {
    row.error = problem;
    this.unsaved.add(row.id);
    this.publish(row.id);
  }

  openWait(wait: WaitView): void {
    const known = this.view.waitingFor.find((other) => other.id === wait.id);
    // Still open from the execution before, and Temporal was told: telling again would cost events
    // each time.
    if (known?.digest === wait.digest) return;
    this.view.waitingFor = [...this.view.waitingFor.filter((other) => other !== known), wait];
    this.view.state = this.liveState();
    this.publish(wait.id);
  }

  closeWait(id: string): void {
    this.view.waitingFor = this.view.waitingFor.filter((wait) => wait.id !== id);
    this.view.state = this.liveState();
  }

  /**
   * The run is about to end, or to take back its changes, which tells Temporal.
   * @param stays what is still asked
   */
  closeWaits(stays: (wait: WaitView) => boolean): void {
    this.view.waitingFor = this.view.waitingFor.filter(stays);
  }

  setPaused(paused: boolean): void {
    this.paused = paused;
    this.view.state = this.liveState();
    this.publish(this.published.step);
  }

  /** @param step what to name as the present step, for the list in the Temporal UI */
  setRollingBack(step: string): void {
    this.rollingBack = true;
    this.view.state = this.liveState();
    this.publish(step);
  }

  get isRollingBack(): boolean {
    return this.rollingBack;
  }

  close(state: RunState, problem: Problem | null): void {
    this.view.problem = problem;
    this.view.endedAt = now();
    this.view.state = state;
    this.publish('');
  }

  /** Changes that were made, or may have been, and were not taken back. */
  changesLeft(): string[] {
    return this.view.steps
      .filter(
        (step) => step.effect !== 'read' && !isGroup(step.kind) && changedStates.has(step.state),
      )
      .map((step) => step.id);
  }

  private liveState(): RunState {
    if (this.paused) return 'paused';
    if (this.view.waitingFor.some((wait) => wait.kind === 'failure')) return 'needs-operator';
    if (this.rollingBack) return 'rolling-back';
    return this.view.waitingFor.length > 0 ? 'waiting' : 'running';
  }

  /**
   * Sends what changed. Details cost nothing; an attribute or memo costs one history event, so only
   * differences are sent.
   */
  private publish(path: string): void {
    setCurrentDetails(renderDetails(this.view));
    const state = this.view.state;
    const step = path.replace(/\/.*/s, '');
    if (state !== this.published.state || step !== this.published.step) {
      upsertSearchAttributes([
        { key: searchAttributes.state, value: state },
        { key: searchAttributes.step, value: step },
      ]);
    }
    const command = this.view.waitingFor.map((wait) => wait.command).join('\n');
    if (command !== this.published.command) upsertMemo({ approve: command });
    this.published = { state, step, command };
  }

  private placeOf(path: string): number {
    const group = groupOf(path);
    const last = this.view.steps.findLastIndex((step) => groupOf(step.id) === group);
    return last === -1 ? this.view.steps.length : last + 1;
  }
}

const settledStates: ReadonlySet<StepState> = new Set([
  'succeeded',
  'failed',
  'skipped',
  'done-by-hand',
  'not-needed',
]);

const changedStates: ReadonlySet<StepState> = new Set(['succeeded', 'done-by-hand', 'unknown']);

function now(): string {
  return new Date().toISOString();
}
