import { isInside } from '../../language/paths.js';
import type { Action } from '../../language/kinds/index.js';
import type { StepSpec } from '../../language/runbook.js';
import { undoneByHand } from '../../language/undo-words.js';
import { undoOfHandWork, undoWords } from '../../common/undo-words.js';
import type { Work } from './attempts.js';

/**
 * A step's compensation, registered before the step acts: the step may have had its effect even
 * when its end was never seen.
 */
export interface Undo {
  path: string;
  spec: StepSpec;
  /** Absent: people do it. */
  action?: Action;
  /** What they do. */
  byHand?: string;
  /** Path of another step whose effect it takes back, too. */
  undoesToo?: string;
}

/** What undoes a step; undefined where nothing does. */
export function undoOf(
  path: string,
  spec: StepSpec,
  { undo: action, undoByHand: byHand, undoesToo }: Pick<Work, 'undo' | 'undoByHand' | 'undoesToo'>,
): Undo | undefined {
  const common = { path, spec, ...(undoesToo === undefined ? {} : { undoesToo }) };
  if (action) return { ...common, action };
  return byHand === undefined ? undefined : { ...common, byHand };
}

/**
 * The undo of a step that people have done: theirs, too. An action takes back what ours would have
 * made, perhaps by a key that theirs does not have.
 */
export function byPeople(undo: Undo): Undo {
  const { action, ...common } = undo;
  return action ? { ...common, byHand: undoOfHandWork(undo.spec) } : undo;
}

/** The undo in words. */
export function wordsOf({ spec, action, byHand }: Undo): string {
  return action ? undoWords(spec, action) : undoneByHand(String(byHand));
}

/** The undos that are registered, newest first. */
export class UndoList {
  private entries: Undo[] = [];
  private readonly temporary = new Set<string>();

  /** One that the step has already keeps its place. */
  register(undo: Undo): void {
    const place = this.entries.findIndex(({ path }) => path === undo.path);
    if (place === -1) this.entries.push(undo);
    else this.entries[place] = undo;
  }

  /** A point of no return was passed: nothing before it can be undone any more, but what has to. */
  clear(): void {
    this.entries = this.entries.filter(({ path }) => this.isTemporary(path));
  }

  /** The step, with all inside it, lasts no longer than its group. */
  limit(path: string): void {
    this.temporary.add(path);
  }

  isTemporary(path: string): boolean {
    return [...this.temporary].some((each) => path === each || isInside(path, each));
  }

  /** Those of these steps and of all inside them, newest first. */
  of(paths: readonly string[]): Undo[] {
    const isOf = (path: string) => (each: string) => path === each || isInside(path, each);
    return this.entries.filter(({ path }) => paths.some(isOf(path))).reverse();
  }

  remove(undo: Undo): void {
    this.entries = this.entries.filter((each) => each !== undo);
  }

  /** Restores the list of the previous execution. */
  restore(entries: readonly Undo[]): void {
    this.entries = [...entries];
  }

  get empty(): boolean {
    return this.entries.length === 0;
  }

  /**
   * For a run that is ending, the first to be undone at the end of the list: groups end before the
   * run does, and what is temporary goes with its group.
   */
  get whenEnding(): readonly Undo[] {
    const goesFirst = ({ path }: Undo): boolean => this.isTemporary(path);
    return [
      ...this.entries.filter((undo) => !goesFirst(undo)),
      ...this.entries.filter((undo) => goesFirst(undo)),
    ];
  }

  at(path: string): Undo | undefined {
    return this.entries.find((each) => each.path === path);
  }

  /** The newest entry; it stays until `removeNewest`. */
  get newest(): Undo | undefined {
    return this.entries.at(-1);
  }

  removeNewest(): void {
    this.entries.pop();
  }

  /** The paths, in the order in which they would be undone. */
  get paths(): string[] {
    return this.entries.map((entry) => entry.path).reverse();
  }
}
