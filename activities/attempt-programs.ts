import { isSame, mayRunFor, programKey, programTitle, programWords } from '../common/programs.js';
import type { JsonObject } from '../language/json.js';
import type { FoundProgram, Program } from '../language/plan.js';
import type { CommandAction } from '../language/kinds/command.js';
import { innermost, type Action } from '../language/kinds/index.js';
import { StepFailure } from './failure.js';
import { programsOf } from './program-names.js';
import type { Programs } from './programs.js';

/** The programs of one attempt: which may run, and which ran. */
export class AttemptPrograms {
  private readonly found = new Map<string, FoundProgram>();
  private readonly allowed = new Map<string, Program>();

  /**
   * @param known programs that the run knows; several of one name are alternatives
   * @param covered those that may run by plan and record, which the run cannot choose
   */
  constructor(
    private readonly programs: Programs,
    private readonly known: readonly Program[] = [],
    private readonly covered: readonly Program[] = known,
  ) {}

  /**
   * Checks the programs of a command that is about to start.
   * @throws StepFailure ProgramChanged
   */
  async assertUnchanged(action: CommandAction): Promise<void> {
    const identified = programsOf({ ...action }).map((named) => this.programs.identify(named));
    // A missing program has a failure of its own.
    const there = (await Promise.all(identified)).filter(({ file }) => file !== null);
    if (action.programMayChange) return this.note(there, { uncovered: 'may change' });
    this.note(there);
    const changed = there.filter((now) => !this.isAllowed(now));
    this.note(changed, { uncovered: 'refused' });
    if (changed.length > 0) throw this.changed(changed);
    for (const program of there) this.allowed.set(programKey(program), program);
  }

  /** As `assertUnchanged`, for actions that run only after the main one. */
  async assertAllUnchanged(actions: readonly (Action | undefined)[]): Promise<void> {
    for (const action of actions) {
      const acting = action && innermost(action);
      if (acting?.kind === 'command') await this.assertUnchanged(acting);
    }
  }

  /** The action is done: a program that changed since must not cause a retry of the action. */
  async verifyAfterAction<T>(verify: () => Promise<T>): Promise<T> {
    try {
      return await verify();
    } catch (error) {
      if (!(error instanceof StepFailure) || error.type !== 'ProgramChanged') throw error;
      const { next, details } = error.extra;
      throw new StepFailure('VerifyFailed', `it was done but not verified: ${error.message}`, {
        ...(next === undefined ? {} : { next }),
        ...(details === undefined ? {} : { details }),
      });
    }
  }

  /** All programs that were identified, for the record. */
  all(): FoundProgram[] {
    return [...this.found.values()];
  }

  /** Programs that ran and that the run does not know yet: later ones of that name must match. */
  newlyRun(): { programs?: Program[] } {
    const ran = [...this.allowed.values()];
    const programs = ran.filter((now) => !this.known.some((each) => isOf(each, now)));
    return programs.length > 0 ? { programs } : {};
  }

  private note(programs: readonly Program[], how: Pick<FoundProgram, 'uncovered'> = {}): void {
    for (const program of programs) this.found.set(programKey(program), { ...program, ...how });
  }

  private isAllowed(now: Program): boolean {
    const known = this.knownAs(now);
    return known.length === 0 || known.some((each) => mayRunFor(each, now));
  }

  private knownAs(now: Program): Program[] {
    return this.covered.filter((each) => programKey(each) === programKey(now));
  }

  private changed(changed: readonly Program[]): StepFailure {
    const words = changed.map((now) => {
      const was = [...new Set(this.knownAs(now).map(programWords))].join(', or ');
      return `${programTitle(now)} is ${programWords(now)}, and was ${was}`;
    });
    return new StepFailure(
      'ProgramChanged',
      'nothing was started: a program is not what was approved, ' +
        `or what this run began with: ${words.join('; ')}`,
      {
        next:
          'Find out who changed it, and why. Then approve at its gate, or retry, to run the ' +
          'program as it is now; or restore the program first.',
        details: { programs: changed as unknown as JsonObject[] },
      },
    );
  }
}

function isOf(known: Program, now: Program): boolean {
  return programKey(known) === programKey(now) && isSame(known, now);
}
