import type { JsonObject } from '../json.js';
import { read, type Written } from './read.js';

/** The files among which names are looked up; who has a disk says where they are. */
export interface Files {
  /** Paths of the files with this name, such as `df.action.yaml`. */
  paths(name: string): readonly string[];
  /** Names of all files that end so. */
  names(ending: string): readonly string[];
  /** @returns null when it cannot be read */
  text(path: string): string | null;
  /**
   * Why a file beside the document at `path` cannot be used; null when it can. Absent: nobody can
   * tell.
   */
  wrongBeside?(path: string, name: string): string | null;
}

/** No files: a document by itself. */
const noFiles: Files = { paths: () => [], names: () => [], text: () => null };

export const endings = {
  runbook: '.runbook.yaml',
  action: '.action.yaml',
  test: '.runbook.test.yaml',
} as const;
export const shared = { inputGroups: 'input-groups.yaml', kinds: 'kinds.yaml' } as const;

/** What runbooks refer to by name: read when it is asked for, and once. */
export class Library {
  readonly #read = new Map<string, Written | null>();
  readonly #shared = new Map<string, Map<string, { in: Written; data: JsonObject }>>();

  constructor(readonly files: Files = noFiles) {}

  /** A runbook or a part; null when there is none, or it cannot be read. */
  runbook(id: string): Written | null {
    return this.#named(id, 'runbook');
  }

  /** A named action. */
  action(id: string): Written | null {
    return this.#named(id, 'action');
  }

  /** Whether there is a file for it. */
  has(id: string, what: keyof typeof endings): boolean {
    return this.files.paths(`${id}${endings[what]}`).length > 0;
  }

  /** Ids of everything there is of this sort. */
  ids(what: keyof typeof endings): string[] {
    return this.files.names(endings[what]).map((name) => name.slice(0, -endings[what].length));
  }

  /** Whether shared inputs, or kinds of targets, are declared anywhere. */
  hasShared(what: keyof typeof shared): boolean {
    return this.files.paths(shared[what]).length > 0;
  }

  /** Everything of `input-groups.yaml` or `kinds.yaml`, by its name. */
  shared(what: keyof typeof shared): ReadonlyMap<string, { in: Written; data: JsonObject }> {
    const known = this.#shared.get(what);
    if (known) return known;
    const found = new Map<string, { in: Written; data: JsonObject }>();
    for (const path of this.files.paths(shared[what])) {
      const file = this.#written(path);
      const inside = file?.data[what];
      if (!file || typeof inside !== 'object' || inside === null || Array.isArray(inside)) continue;
      for (const [name, data] of Object.entries(inside))
        if (typeof data === 'object' && data !== null && !Array.isArray(data))
          found.set(name, { in: file, data });
    }
    this.#shared.set(what, found);
    return found;
  }

  #named(id: string, what: keyof typeof endings): Written | null {
    const [path] = this.files.paths(`${id}${endings[what]}`);
    return path === undefined ? null : this.#written(path);
  }

  #written(path: string): Written | null {
    const known = this.#read.get(path);
    if (known !== undefined) return known;
    const text = this.files.text(path);
    const result = text === null ? null : read(text, path);
    const written = result?.data ? result : null;
    this.#read.set(path, written);
    return written;
  }
}
