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

/** What an execution begins with: an admission, or what the execution before has handed over. */
export interface Entry {
  key: RunKey;
  envelope: StartEnvelope;
  plan: Plan;
  settings: RunSettings;
  view: RunView;
  /** Who has the run's targets, as admission found them. */
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
 * Everything that is live of a run, and what of it the next execution gets. What is done with it is
 * in steps.ts and rollback.ts.
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
  /** Steps that could not be taken back. */
  readonly leftover: string[] = [];
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
    this.leftover.push(...carried.rollback.failed);
  }

  /** Set when the execution before was already taking changes back. */
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
  holdTargets(): Promise<void> {
    const { plan, held = [], carried } = this.entry;
    return this.lease.hold(carried ? carried.lease : { held, asked: 0 }, {
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
   * Writes the run as it stands to the record. Not cancellable: the record must tell how it ended.
   */
  save(): Promise<void> {
    return this.turn.during(() => CancellationScope.nonCancellable(() => this.saves.save()));
  }

  /**
   * Closes what the procedure has asked and did not come back to: in this execution it may not have
   * come so far yet.
   */
  stopAsking(): void {
    this.gates.close();
    this.desk.close();
    this.board.closeWaits((wait) => isAboutUndo(wait.id));
  }

  showUndos(): void {
    this.board.view.undos = this.undos.paths;
  }

  /** Who did not approve what was planned does not let run what is there instead, either. */
  whoLetsRun(path: string): Pick<DeskQuestion, 'approvers'> {
    const isChanged = this.programs.hasRefused(path) && this.gates.haveNeededAnother();
    return isChanged ? { approvers: 'another' } : {};
  }

  /** Names all that is going to act: an approval that was given for something else is none. */
  readonly code = (): string => presentRelease() + this.programs.mark;

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
   * Makes a new plan of changed inputs. The run continues as new with it: what is done stays done,
   * approvals are void, and the step is tried again. When the new inputs are refused after all, the
   * step is tried again as it was.
   * @returns whether there is a new plan
   */
  async changeInputs(inputs: JsonObject): Promise<boolean> {
    const { digest: _seen, ...asked } = this.envelope;
    const envelope: StartEnvelope = { ...asked, inputs: { ...this.envelope.inputs, ...inputs } };
    const admission = await this.turn.during(() =>
      platformActivities.admit({ version: 1, key: null, envelope, startedAt: null }),
    );
    if (!admission.admitted) return false;
    this.replanned = {
      envelope,
      plan: admission.plan,
      changes: changesBetween(this.inputs, admission.plan.inputs),
    };
    this.turn.want();
    return true;
  }

  private readonly until: Turn['until'] = (met, limit) => this.turn.until(met, limit);

  /** What the next execution of the run needs to go on where this one is. */
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
      published: this.board.told,
      saves: { made: this.saves.count, unsaved: this.board.left },
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
   * A path of its own for every time that a step is done.
   * @param id as declared, with the steps around it
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
