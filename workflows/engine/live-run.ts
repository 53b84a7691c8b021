import { CancellationScope } from '@temporalio/workflow';
import type { RunSettings } from '../../common/admission.js';
import type { StartEnvelope } from '../../common/envelope.js';
import type { RunKey } from '../../common/keys.js';
import { leasedTargets, refusesWhenHeld, type HeldTarget } from '../../common/lease.js';
import type { RunView, StepView } from '../../common/view.js';
import type { Json, JsonObject } from '../../language/json.js';
import type { Plan } from '../../language/plan.js';
import { platformActivities } from './activities.js';
import { Board } from './board.js';
import type { Carried } from './carried.js';
import { Desk, isAboutUndo, type DeskQuestion } from './desk.js';
import { Gates } from './gates.js';
import type { Inbox } from './inbox.js';
import { Lease } from './lease.js';
import { OutputBudget, withoutSpentOutputs } from './outputs.js';
import { RunPrograms } from './programs.js';
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
  readonly gates: Gates;
  readonly desk = new Desk();
  readonly lease = new Lease();
  readonly undos = new UndoList();
  readonly unconfirmed: Unconfirmed;
  readonly turn: Turn;
  readonly programs: RunPrograms;
  /** Steps that failed without failing the run. */
  readonly exceptions: string[] = [];
  /** Steps that could not be undone. */
  readonly notUndone: string[] = [];
  private readonly times = new Map<string, number>();
  private replanned: Replanned | null = null;

  constructor(
    readonly entry: Entry,
    private readonly inbox: Inbox,
  ) {
    const { plan, view, carried } = entry;
    this.board = new Board(view, carried?.published, carried?.saves?.unsaved);
    this.saves = new Saves(this.board, inbox, carried?.saves?.made);
    this.outputs = new OutputBudget(plan, view.steps);
    this.gates = new Gates(plan.steps, carried?.gates);
    this.unconfirmed = new Unconfirmed(carried?.unconfirmed);
    this.programs = new RunPrograms(plan.programs, carried?.programs);
    this.turn = new Turn(inbox, entry.settings.border);
    for (const row of entry.taken ?? []) this.board.adopt(row);
    if (!carried) return;
    this.desk.restore(carried.desk);
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
    const { plan, held = [], carried } = this.entry;
    return this.lease.acquire(carried ? carried.lease : { held, asked: 0 }, {
      board: this.board,
      key: this.key,
      root: this.envelope.root,
      targets: leasedTargets(plan),
      command: this.settings.command,
      heartbeatMs: this.settings.heartbeatMs,
      refuses: refusesWhenHeld(this.envelope, plan.inputs),
      save: () => this.save(),
      turn: this.turn,
    });
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

  /**
   * Closes the questions that the procedure left open: some are of an earlier execution, and this
   * one ended before it came to them.
   */
  stopAsking(): void {
    this.gates.close();
    this.desk.close();
    this.board.closeWaits((wait) => isAboutUndo(wait.id));
  }

  showUndos(): void {
    this.board.view.undos = this.undos.paths;
  }

  /** Whoever may not approve the planned program may not accept a changed one either. */
  approversFor(path: string): Pick<DeskQuestion, 'approvers'> {
    const isChanged = this.programs.hasRefused(path) && this.gates.hasApprovalByAnother();
    return isChanged ? { approvers: 'another' } : {};
  }

  /** Identifies the code and programs that are going to act: an approval counts only for these. */
  readonly code = (): string => presentRelease() + this.programs.acceptedMark;

  gateHost() {
    const { plan, settings } = this.entry;
    return {
      board: this.board,
      planDigest: plan.digest,
      procedure: plan.procedure,
      release: this.code,
      evidence: () => this.programs.evidence,
      command: settings.command,
      busy: () => this.inbox.busy,
      save: () => this.save(),
      until: this.until,
    };
  }

  deskHost() {
    const { board, key, settings, until } = this;
    return { board, command: settings.command, run: key.run, save: () => this.save(), until };
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
      platformActivities.admit({ version: 1, key: null, envelope, startedAt: null }),
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

  private readonly until: Turn['until'] = (met, limit) => this.turn.until(met, limit);

  /** What the next execution needs to continue where this one stopped. */
  carry(rollback: Carried['rollback']): Carried {
    const { key, envelope, plan, settings } = this.entry;
    const { replanned } = this;
    const steps = withoutSpentOutputs(plan, this.board.view.steps);
    const view = { ...this.board.view, steps };
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
    return times === 1 ? id : `${id}.${times}`;
  }
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
