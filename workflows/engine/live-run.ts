import { CancellationScope } from '@temporalio/workflow';
import type { RunSettings } from '../../common/admission.js';
import type { StartEnvelope } from '../../common/envelope.js';
import type { RunKey } from '../../common/keys.js';
import { leasedTargets, refusesWhenHeld, type HeldTarget } from '../../common/lease.js';
import type { RunView, StepView } from '../../common/view.js';
import type { Json, JsonObject } from '../../language/json.js';
import { atTime } from '../../language/paths.js';
import type { Plan } from '../../language/plan.js';
import { platformActivities } from './activities.js';
import { Board } from './board.js';
import type { Carried } from './carried.js';
import { Desk } from './desk.js';
import { type DeskQuestion } from './desk-questions.js';
import { Gates } from './gates.js';
import type { Inbox } from './inbox.js';
import { Lease } from './lease.js';
import { Losses } from './losses.js';
import { OutputBudget, withoutSpentOutputs } from './outputs.js';
import { RunPrograms } from './programs.js';
import { Questions } from './questions.js';
import { presentRelease } from './release.js';
import { Saves } from './saves.js';
import { Turn } from './turn.js';
import { Unconfirmed } from './unconfirmed.js';
import { UndoList } from './undo.js';

/** What an execution begins with: an admission, or the carried state of the previous execution. */
export interface Entry {
  key: RunKey;
  envelope: StartEnvelope;
  plan: Plan;
  settings: RunSettings;
  view: RunView;
  /** Other holders of the run's targets, as admission found them. */
  held?: HeldTarget[];
  /** Steps of the dead run that this one was started from. */
  taken?: StepView[];
  carried: Carried | null;
}

interface Replanned {
  envelope: StartEnvelope;
  plan: Plan;
  changes: string;
}

/**
 * The live state of a run, and what of it the next execution gets. steps.ts and rollback.ts act on
 * it.
 */
export class LiveRun {
  readonly board: Board;
  private readonly saves: Saves;
  readonly outputs: OutputBudget;
  readonly questions: Questions;
  readonly gates: Gates;
  readonly desk: Desk;
  private readonly lease: Lease;
  readonly losses: Losses;
  readonly undos = new UndoList();
  readonly unconfirmed: Unconfirmed;
  readonly turn: Turn;
  readonly programs: RunPrograms;
  /** Steps that failed without failing the run. */
  readonly exceptions: string[] = [];
  /** People have ended the run, and leave everything as it is. */
  isAborted = false;
  /** Steps that could not be undone. */
  readonly notUndone: string[] = [];
  private readonly times = new Map<string, number>();
  private replanned: Replanned | null = null;

  constructor(
    readonly entry: Entry,
    private readonly inbox: Inbox,
  ) {
    const { plan, view, carried, settings } = entry;
    this.board = new Board(view, settings.command, carried?.published, carried?.saves.unsaved);
    this.saves = new Saves(this.board, inbox, carried?.saves.made);
    this.outputs = new OutputBudget(plan, view.steps);
    this.unconfirmed = new Unconfirmed(carried?.unconfirmed);
    this.programs = new RunPrograms(plan.programs, carried?.programs);
    this.turn = new Turn(inbox, entry.settings.border);
    this.losses = new Losses({ key: this.key, turn: this.turn }, carried?.losses);
    this.questions = this.newQuestions();
    this.gates = this.newGates();
    const { questions, board, losses } = this;
    this.desk = new Desk({ run: this.key.run, questions, board, losses }, carried?.desk);
    this.lease = this.newLease();
    for (const row of entry.taken ?? []) this.board.adopt(row);
    if (!carried) return;
    inbox.restore(carried.inbox);
    if (carried.paused) this.pause();
    if (!carried.rollback) return;
    this.undos.restore(carried.rollback.undos);
    this.notUndone.push(...carried.rollback.failed);
  }

  /** Set when the previous execution was already rolling back. */
  get rollbackCarried(): Carried['rollback'] {
    return this.entry.carried?.rollback ?? null;
  }

  get key(): RunKey {
    return this.entry.key;
  }

  get envelope(): StartEnvelope {
    return this.entry.envelope;
  }

  get inputs(): JsonObject {
    return this.entry.plan.inputs;
  }

  get settings(): RunSettings {
    return this.entry.settings;
  }

  get plan(): Plan {
    return this.entry.plan;
  }

  /** Waits until the run holds the targets that it changes. @throws TargetRefused */
  acquireTargets(): Promise<void> {
    const { held = [], carried } = this.entry;
    return this.lease.acquire(carried ? carried.lease : { held, asked: 0 });
  }

  pause(): void {
    this.turn.pause();
    this.board.setPaused(true);
  }

  resume(): void {
    this.turn.resume();
    this.board.setPaused(false);
  }

  /**
   * Saves the present state of the run. Not cancellable: the record must have how it ended.
   */
  save(): Promise<void> {
    return this.turn.trackInFlight(() => CancellationScope.nonCancellable(() => this.saves.save()));
  }

  showUndos(): void {
    this.board.view.undos = this.undos.paths;
  }

  /** Whoever may not approve the planned program may not accept a changed one either. */
  decidersFor(path: string): Pick<DeskQuestion, 'deciders'> {
    const isChanged = this.programs.hasRefused(path) && this.gates.hasApprovalByAnother();
    return isChanged ? { deciders: 'another' } : {};
  }

  /**
   * Makes a new plan with changed inputs. The run continues as new with it: finished steps stay
   * finished, approvals are void, and the step is retried. When admission refuses the new inputs,
   * the step is retried with the old ones.
   * @returns whether there is a new plan
   */
  async changeInputs(inputs: JsonObject): Promise<boolean> {
    const { digest: _seen, ...asked } = this.envelope;
    const envelope: StartEnvelope = { ...asked, inputs: { ...this.envelope.inputs, ...inputs } };
    const admission = await this.turn.trackInFlight(() =>
      platformActivities.admit({
        ...{ version: 1, key: null, envelope, startedAt: null, files: this.plan.files },
      }),
    );
    if (!admission.admitted) return false;
    this.replanned = {
      envelope,
      plan: admission.plan,
      changes: changesBetween(this.inputs, admission.plan.inputs),
    };
    this.turn.requestBorder();
    return true;
  }

  private newQuestions(): Questions {
    return new Questions({
      board: this.board,
      run: this.key.run,
      command: this.settings.command,
      save: () => this.save(),
      until: (met, limit) => this.turn.until(met, limit),
      isJudging: () => this.inbox.busy,
      losses: this.losses,
    });
  }

  private newGates(): Gates {
    const deps = {
      run: this.key.run,
      plan: this.plan,
      questions: this.questions,
      board: this.board,
      losses: this.losses,
      // An approval counts only for the code and the programs that are going to act, on the targets
      // that the run had then.
      code: () => presentRelease() + this.programs.acceptedMark + this.losses.mark,
      evidence: () => ({ ...this.losses.evidence('approval'), ...this.programs.evidence }),
      until: (met: () => boolean) => this.turn.until(met),
    };
    return new Gates(deps, this.entry.carried?.gates);
  }

  private newLease(): Lease {
    return new Lease({
      key: this.key,
      root: this.envelope.root,
      targets: leasedTargets(this.plan),
      refuses: refusesWhenHeld(this.envelope, this.inputs),
      heartbeatMs: this.settings.heartbeatMs,
      questions: this.questions,
      turn: this.turn,
    });
  }

  /** What the next execution needs to continue where this one stopped. */
  carry(rollback: Carried['rollback']): Carried {
    const { key, envelope, plan, settings } = this.entry;
    const { replanned } = this;
    const { steps } = this.board.view;
    const kept = withoutSpentOutputs(plan, replanned ? steps.map(judgedAnew) : steps);
    const view = { ...this.board.view, steps: kept };
    const changedInputs = replanned?.changes ?? this.entry.carried?.changedInputs;
    return {
      version: 1,
      verb: 'continue',
      key,
      envelope: replanned?.envelope ?? envelope,
      plan: replanned?.plan ?? plan,
      settings,
      view: replanned
        ? { ...view, inputs: replanned.plan.inputs, planDigest: replanned.plan.digest }
        : view,
      published: this.board.lastPublished,
      saves: { made: this.saves.count, unsaved: this.board.unsavedPaths },
      gates: this.gates.carry(replanned !== null),
      desk: this.desk.carry(),
      lease: this.lease.carry(),
      inbox: this.inbox.carry(),
      unconfirmed: this.unconfirmed.carry(),
      programs: replanned ? undefined : this.programs.carry(),
      losses: this.losses.carry(),
      paused: this.turn.paused,
      rollback,
      changedInputs,
    };
  }

  /**
   * A new path for each time that a step is done.
   * @param id its declared path
   */
  freshPath(id: string): string {
    const times = (this.times.get(id) ?? 0) + 1;
    this.times.set(id, times);
    return atTime(id, times);
  }

  /** The path of the step as it was done last. @param id its declared path, which was done */
  newestPath(id: string): string {
    return atTime(id, this.times.get(id) as number);
  }
}

/** Whether a step is needed is decided again with the changed inputs. */
function judgedAnew(step: StepView): StepView {
  if (step.state !== 'not-needed') return step;
  return { ...step, state: 'pending', startedAt: null, endedAt: null, output: null };
}

/** `name: before → after` for each input that differs. */
function changesBetween(before: JsonObject, after: JsonObject): string {
  const text = (value: Json | undefined): string =>
    value === undefined ? 'not given' : JSON.stringify(value);
  return [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .filter((name) => text(before[name]) !== text(after[name]))
    .map((name) => `${name}: ${text(before[name])} → ${text(after[name])}`)
    .join('; ');
}
