import { isSame, mayRunFor, programKey, programTitle, programWords } from '../common/programs.js';
import type { JsonObject } from '../language/json.js';
import type { Program } from '../language/plan.js';
import { innermost, type Action, type CommandAction } from '../language/kinds/index.js';
import { StepFailure } from './failure.js';
import { programsOf } from './program-names.js';
import type { Programs } from './programs.js';

/** The programs of one attempt: what may run, and what did. */
export class AttemptPrograms {
  private readonly found = new Map<string, Program>();
  private readonly fine = new Map<string, Program>();

  /** @param known what the run knows; of one name any that may be run */
  constructor(
    private readonly programs: Programs,
    private readonly known: readonly Program[] = [],
  ) {}

  /**
   * Looks at the programs of a command that is about to start.
   * @throws StepFailure ProgramChanged
   */
  async mayRun(action: CommandAction): Promise<void> {
    const looks = programsOf({ ...action }).map((named) => this.programs.look(named));
    // What is missing has a failure of its own.
    const there = (await Promise.all(looks)).filter(({ file }) => file !== null);
    for (const program of there) this.found.set(programKey(program), program);
    if (action.programMayChange) return;
    const changed = there.filter((now) => !this.isFine(now));
    if (changed.length > 0) throw this.changed(changed);
    for (const program of there) this.fine.set(programKey(program), program);
  }

  /** The same for what is only going to run when the action is done. */
  async mayBegin(actions: readonly (Action | undefined)[]): Promise<void> {
    for (const action of actions) {
      const acting = action && innermost(action);
      if (acting?.kind === 'command') await this.mayRun(acting);
    }
  }

  /** What changed behind the action is no reason to do the action once more. */
  async onceActed<T>(verify: () => Promise<T>): Promise<T> {
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

  /** What it has found, for the record. */
  all(): Program[] {
    return [...this.found.values()];
  }

  /** What it ran and the run does not know: what runs under that name later is held against it. */
  told(): { programs?: Program[] } {
    const ran = [...this.fine.values()];
    const programs = ran.filter((now) => !this.known.some((each) => isOf(each, now)));
    return programs.length > 0 ? { programs } : {};
  }

  private isFine(now: Program): boolean {
    const known = this.knownAs(now);
    return known.length === 0 || known.some((each) => mayRunFor(each, now));
  }

  private knownAs(now: Program): Program[] {
    return this.known.filter((each) => programKey(each) === programKey(now));
  }

  private changed(changed: readonly Program[]): StepFailure {
    const words = changed.map((now) => {
      const was = this.knownAs(now).map(programWords).join(', or ');
      return `${programTitle(now)} is ${programWords(now)}, and was ${was}`;
    });
    return new StepFailure(
      'ProgramChanged',
      `nothing was started: a program is not what was approved, or what this run began with: ${words.join('; ')}`,
      {
        next: 'Find out who changed it, and why. Then decide anew: approve at its gate, or retry, what is there now; or put the program back before that.',
        details: { programs: changed as unknown as JsonObject[] },
      },
    );
  }
}

function isOf(known: Program, now: Program): boolean {
  return programKey(known) === programKey(now) && isSame(known, now);
}
