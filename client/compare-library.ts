import { brokenWords } from '../language/broken-runbook.js';
import { libraryDigests, type LibraryDigests } from '../language/library-digests.js';
import type { WorkerReport } from '../store/index.js';
import type { Catalogue } from './catalogue.js';
import type { Check } from '../common/check.js';

/** How the runbooks of workers differ from those of this machine. */
export interface Difference {
  /** The workers have it, this machine has not. */
  missing: string[];
  /** Both have one of that id, and not the same. */
  different: string[];
}

/** Compares runbooks that workers have with those of the same ids here. */
export function differenceOf(theirs: LibraryDigests, here: LibraryDigests): Difference {
  const ids = Object.keys(theirs);
  return {
    missing: ids.filter((id) => here[id] === undefined),
    different: ids.filter((id) => here[id] !== undefined && here[id] !== theirs[id]),
  };
}

/** What a person who looks at a plan of theirs must know; null when nothing differs. */
export function differenceWords({ missing, different }: Difference): string | null {
  if (different.length > 0)
    return (
      `The workers have another ${different.join(', ')} than this machine: theirs is shown, ` +
      'and theirs runs. A worker reads its library when it starts.'
    );
  if (missing.length > 0)
    return (
      `This machine's library has no ${missing.join(', ')}: ` +
      'what the workers have is shown, and runs.'
    );
  return null;
}

/** The check of `doctor`: the runbooks of this machine beside those that the workers report. */
export function compareLibraries(
  { runbooks, parts, broken }: Catalogue,
  workers: readonly Pick<WorkerReport, 'worker' | 'library'>[],
): Check {
  const name = 'library';
  if (broken.length > 0)
    return {
      ...{ name, state: 'failed', found: broken.map(brokenWords).join('; ') },
      fix:
        `Correct ${broken.map(({ file }) => file).join(', ')}; ` +
        'the other runbooks can be used meanwhile.',
    };
  const here = libraryDigests([...runbooks, ...parts]);
  const off = workers.flatMap(({ worker, library }) => {
    const { missing, different } = differenceOf(library, here);
    const lacks = Object.keys(here).filter((id) => library[id] === undefined);
    const facts = [
      different.length > 0 && `has another ${different.join(', ')}`,
      missing.length > 0 && `has ${missing.join(', ')}, which this machine has not`,
      lacks.length > 0 && `lacks ${lacks.join(', ')}`,
    ].filter(Boolean);
    return facts.length > 0 ? [`${worker} ${facts.join(', ')}`] : [];
  });
  if (off.length > 0)
    return {
      ...{ name, state: 'warning', found: off.join('; ') },
      fix:
        'Give workers and this machine the same RUNBOOK_LIBRARY, and start the workers again: ' +
        'they read it when they start.',
    };
  if (workers.length === 0)
    return { name, state: 'skipped', found: 'no worker has reported', fix: null };
  const count = Object.keys(here).length;
  const words = count === 1 ? '1 runbook, as' : `${count} runbooks, as`;
  const found = count === 0 ? 'none beside what is shipped' : `${words} the workers have`;
  return { name, state: 'ok', found, fix: null };
}
