import { setCurrentDetails, upsertMemo, upsertSearchAttributes } from '@temporalio/workflow';
import type { Json } from '../../language/json.js';
import type { StepSpec } from '../../language/runbook.js';
import { pendingStep } from '../../common/initial-view.js';
import { searchAttributes } from '../../common/search-attributes.js';
import { changesIn } from '../../common/left.js';
import { rulesOfQuestion } from '../../common/questions.js';
import { isOutputRecorded, placesOf, type SavedStep } from '../../common/saved-steps.js';
import { groupOf } from '../../language/paths.js';
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

/** Changes of programs kept in the view; the record has those of every attempt. */
const changesShown = 100;

/** What was last published to Temporal about the run. */
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
  /** Paths of steps whose present state is not in the record yet. */
  private readonly unsaved: Set<string>;

  private paused = false;
  private rollingBack = false;

  /**
   * @param command name of the command line, as the run prints it
   * @param published what the previous execution published: Temporal keeps it
   * @param unsaved paths of steps that the previous execution has not saved
   */
  constructor(
    readonly view: RunView,
    readonly command: string,
    private published: Published = { state: '', step: '', command: '' },
    unsaved: readonly string[] = [],
  ) {
    this.unsaved = new Set(unsaved);
    for (const step of view.steps) this.steps.set(step.id, step);
  }

  get lastPublished(): Published {
    return this.published;
  }

  get unsavedPaths(): string[] {
    return [...this.unsaved];
  }

  /**
   * Takes the steps to save now; they count as saved from here on.
   * @param all unchanged steps too
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

  /** The row, when an earlier execution or the run that this one resumes has settled it. */
  settled(path: string): StepView | undefined {
    const row = this.steps.get(path);
    if (row === undefined) return undefined;
    return settledStates.has(row.state) || isOver(row) ? row : undefined;
  }

  /** ISO time at which a step has begun, in whatever execution of the run; null: not yet. */
  startOf(path: string): string | null {
    return this.steps.get(path)?.startedAt ?? null;
  }

  /** The row of a step. One that the plan did not list is added on first use, after its group. */
  row(path: string, spec: StepSpec): StepView {
    const known = this.steps.get(path);
    if (known) return known;
    const row = pendingStep(path, spec);
    this.steps.set(path, row);
    this.unsaved.add(path);
    this.view.steps.splice(this.placeOf(path), 0, row);
    return row;
  }

  /** Takes over a row of the run that this one resumes. */
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

  /** Adds programs that changed to the view. */
  programsChanged(changes: readonly ProgramChange[]): void {
    if (changes.length === 0) return;
    const all = [...(this.view.programsChanged ?? []), ...changes];
    this.view.programsChanged = all.slice(-changesShown);
  }

  /** Shows why a running step waits. */
  showProblem(row: StepView, problem: Problem): void {
    row.error = problem;
    this.unsaved.add(row.id);
    this.publish(row.id);
  }

  openWait(wait: WaitView): void {
    const known = this.view.waitingFor.find((other) => other.id === wait.id);
    // Open since the previous execution and already published: publishing again costs events.
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
   * Publishes nothing: the end of the run, or its rollback, follows at once and does.
   * @param stays true for questions that remain open
   */
  closeWaits(stays: (wait: WaitView) => boolean): void {
    this.view.waitingFor = this.view.waitingFor.filter(stays);
  }

  setPaused(paused: boolean): void {
    this.paused = paused;
    this.view.state = this.liveState();
    this.publish(this.published.step);
  }

  /** @param step the present step to show in the list of the Temporal UI */
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

  /** Steps that changed something, or may have, and were not undone. */
  changesLeft(): string[] {
    return changesIn(this.view.steps).map(({ id }) => id);
  }

  /** The step, where it has changed something and was not undone. */
  changed(path: string): StepView | undefined {
    return changesIn(this.view.steps).find(({ id }) => id === path);
  }

  private liveState(): RunState {
    if (this.paused) return 'paused';
    const asks = this.view.waitingFor.map(({ kind }) => rulesOfQuestion(kind).state);
    if (asks.includes('needs-operator')) return 'needs-operator';
    if (this.rollingBack) return 'rolling-back';
    return this.view.waitingFor.length > 0 ? 'waiting' : 'running';
  }

  /**
   * Publishes only differences: details are free, but an attribute or memo costs a history event.
   */
  private publish(path: string): void {
    setCurrentDetails(renderDetails(this.view, this.command));
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

/** Undone by its group, in this run: it is not done again. */
function isOver({ state, takenFrom }: StepView): boolean {
  return state === 'undone' && takenFrom === undefined;
}

const settledStates: ReadonlySet<StepState> = new Set([
  'succeeded',
  'failed',
  'skipped',
  'done-by-hand',
  'not-needed',
]);

function now(): string {
  return new Date().toISOString();
}
