import type { FormerEnd } from './view.js';

/** What made the run go on after an end, in words. */
export function overText({ why, reason }: Pick<FormerEnd, 'why' | 'reason'>): string {
  if (why === 'missed') return 'Temporal has the run after all: it goes on after this end';
  if (why === 'replaced') return 'the run told of another end';
  return `${resetText(reason)}; it goes on after its end`;
}

/** A reset in words: `reset in Temporal: REASON`. */
export function resetText(reason: string | null): string {
  if (reason === null) return 'the run was reset in Temporal (the reason is not known yet)';
  return `the run was reset in Temporal${reason === '' ? ', no reason known' : `: ${reason}`}`;
}
