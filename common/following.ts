import { listAction } from '../language/kinds/index.js';
import type { ListedWork } from './listed.js';
import { cannotBeUndone } from './undo-words.js';
import type { FollowingStep } from './view.js';

/** What stands above the steps that follow an approval, wherever they are shown. */
export const followingTitle = 'What an approval lets happen, up to the next gate';

/** A step that follows an approval, in words. */
export interface FollowingText {
  /** Its path and its title. */
  title: string;
  /** Its effect, its targets, and how often it is tried. */
  facts: string;
  /** The exact commands, queries and requests. */
  does: string[];
  /** What takes it back; empty: nothing does. */
  undo: string[];
  /** Both, one after the other. */
  lines: string[];
}

/** The one wording for the command line, the Temporal UI, the report and messages. */
export function followingText(step: FollowingStep): FollowingText {
  const undos = step.works.flatMap(({ undo }) => (undo ? [listAction(undo)] : []));
  const undo = titled(step.undo, described(undos));
  const targets = step.targets.length > 0 ? ` at ${step.targets.join(', ')}` : '';
  const facts = [
    `${effectWords[step.effect]}${targets}`,
    ...(step.tried === '' ? [] : [`tried ${step.tried.replace(/ \*$/, '')}`]),
    ...(step.effect === 'read' || undo.length > 0 ? [] : [cannotBeUndone(step.noUndo)]),
    ...(step.pointOfNoReturn ? ['nothing before it can be undone any more'] : []),
  ];
  const does = step.byHand === undefined ? described(step.works.map(doesText)) : [step.byHand];
  return {
    title: `${step.step}: ${step.title}`,
    facts: facts.join('; '),
    ...{ does, undo },
    lines: [...does, ...undo.map((line) => `undo: ${line}`)],
  };
}

function doesText({ action, after = 0 }: ListedWork): readonly string[] {
  const [first, ...others] = listAction(action);
  return [`${after > 0 ? 'when done again: ' : ''}${first}`, ...others];
}

/** The lines of all that is done; the same twice is said once. */
function described(works: readonly (readonly string[])[]): string[] {
  const once = new Map(works.map((lines) => [lines.join('\n'), lines]));
  return [...once.values()].flat();
}

/** As `undoWords` says it: what its author calls an undo, and what it does. */
function titled(title: string | undefined, lines: readonly string[]): string[] {
  const [first, ...others] = lines;
  if (title === undefined) return [...lines];
  return [first === undefined ? title : `${title}: ${first}`, ...others];
}

/** What a step does to its targets, for people who do not know the language's words. */
export const effectWords = {
  read: 'changes nothing',
  change: 'changes something',
  destroy: 'destroys something',
} as const satisfies Record<FollowingStep['effect'], string>;
