import {
  isSame,
  isSystems,
  programKey,
  programTitle,
  programWords,
} from '../../common/programs.js';
import type { ProgramChange } from '../../common/view.js';
import { digestOf, shortDigest } from '../../language/digest.js';
import type { JsonObject } from '../../language/json.js';
import type { Program } from '../../language/plan.js';
import { actionRules, innermost, type Action } from '../../language/kinds/index.js';
import type { CarriedPrograms } from './carried.js';
import { targetsLost } from './losses.js';

/**
 * The programs that the run knows: those of its plan, which approvals cover; those that a step was
 * the first to run; and changed ones that people accepted.
 */
export class RunPrograms {
  private readonly known: Program[];
  private readonly accepted: Program[];
  /** The programs that a step found changed, by its path. */
  private readonly refused: Map<string, Program[]>;

  constructor(planned: readonly Program[] = [], before?: CarriedPrograms) {
    this.known = [...(before?.known ?? planned)];
    this.accepted = [...(before?.accepted ?? [])];
    this.refused = new Map(before?.refused);
  }

  /** For the next execution of the run. */
  carry(): CarriedPrograms {
    return { known: this.known, accepted: this.accepted, refused: [...this.refused] };
  }

  /** The known programs that an attempt has to compare with. */
  expectedBy(actions: readonly (Action | undefined)[]): { programs?: Program[] } {
    const words = new Set(actions.flatMap(wordsOf));
    const all = words.has(anything);
    const programs = this.known.filter(({ name }) => all || words.has(name));
    return programs.length > 0 ? { programs } : {};
  }

  /**
   * Records the programs that an attempt ran and the run does not know as such.
   * @returns the changes of programs that were known
   */
  recordRan(step: string, programs: readonly Program[] = []): ProgramChange[] {
    return programs.flatMap((now) => {
      const place = this.known.findIndex((each) => programKey(each) === programKey(now));
      const was = this.known[place];
      if (!was || !isSystems(was, now)) {
        if (!this.knows(now)) this.known.push(now);
        return [];
      }
      // Of a program that the system installs, the last version counts. A plan has no digest of it.
      this.known[place] = now;
      const isFirst = was.digest === undefined && was.file === now.file;
      return isFirst ? [] : [changeFrom(step, was, now, 'system')];
    });
  }

  /** A step found programs changed and did not begin. Unknown programs cannot have changed. */
  refuse(step: string, programs: readonly Program[]): void {
    const changed = programs.filter((now) => this.knownAs(now).length > 0);
    if (changed.length > 0) this.refused.set(step, changed);
  }

  /** Whether the step found programs changed that nobody has accepted. */
  hasRefused(step: string): boolean {
    return this.refused.has(step);
  }

  /** People accept the programs that the step found. @returns their changes */
  accept(step: string): ProgramChange[] {
    const programs = (this.refused.get(step) ?? []).filter((now) => !this.knows(now));
    this.refused.delete(step);
    return programs.map((now) => {
      const was = this.knownAs(now).at(-1) as Program;
      this.known.push(now);
      this.accepted.push(now);
      return changeFrom(step, was, now, 'people');
    });
  }

  /** Identifies the changed programs that people accepted; empty when there are none. */
  get acceptedMark(): string {
    return this.accepted.length === 0
      ? ''
      : `${programsChanged}${shortDigest(digestOf(this.accepted))}`;
  }

  /** What approvers have to see. */
  get evidence(): JsonObject {
    const covered = this.known.filter(({ system }) => !system);
    const changed = this.accepted.map((now): [string, string] => [
      programTitle(now),
      this.changeOf(now),
    ]);
    return {
      ...(covered.length > 0 ? { programs: wordsByName(covered) } : {}),
      ...(changed.length > 0 ? { 'programs changed': Object.fromEntries(changed) } : {}),
    };
  }

  private knownAs(now: Program): Program[] {
    return this.known.filter((each) => programKey(each) === programKey(now));
  }

  private knows(now: Program): boolean {
    return this.knownAs(now).some((each) => isSame(each, now));
  }

  private changeOf(now: Program): string {
    return this.knownAs(now).map(programWords).join(' → ');
  }
}

function changeFrom(
  step: string,
  was: Program,
  now: Program,
  allowed: ProgramChange['allowed'],
): ProgramChange {
  return {
    step,
    program: programTitle(now),
    was: programWords(was),
    now: programWords(now),
    allowed,
  };
}

/** Separates the release from the mark of accepted programs. */
const programsChanged = ' with changed programs ';

/** The release alone, without the marks of accepted programs and of lost targets. */
export function codeIn(release = ''): string {
  const marks = [programsChanged, targetsLost].map((mark) => release.indexOf(mark));
  return release.slice(0, Math.min(release.length, ...marks.filter((at) => at !== -1)));
}

/** Stands for any program: the handler chooses it. */
const anything = '\0';

/** Words of an action that may be names of its programs. */
function wordsOf(action: Action | undefined): readonly string[] {
  const acting = action && innermost(action);
  if (acting?.kind === 'command') return acting.argv;
  return acting && actionRules(acting.kind).runsPrograms ? [anything] : [];
}

function wordsByName(programs: readonly Program[]): JsonObject {
  return Object.fromEntries(
    programs.map((program) => [programTitle(program), programWords(program)]),
  );
}
