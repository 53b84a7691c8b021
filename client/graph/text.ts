import { visibleLine } from '../../common/visible.js';
import { namesOf, pathOf } from '../../language/paths.js';

/*
 * Text in a picture that no browser lays out: its width is told from the number of its letters.
 */

/** How a line is written. */
export const faces = {
  title: { size: 14, line: 19, letter: 8.6 },
  small: { size: 12, line: 16, letter: 6.8 },
  code: { size: 11.5, line: 15, letter: 7.1 },
} as const;
export type Face = keyof typeof faces;

export interface Line {
  face: Face;
  text: string;
  /** Class of its colour. */
  tone?: 'muted' | 'destroy' | 'gate';
}

/**
 * Text broken into lines of a width, long words too.
 * @param most lines; what is left is cut, and the cut is seen
 */
export function linesOf(
  text: string,
  face: Face,
  width: number,
  most: number,
  tone?: Line['tone'],
): Line[] {
  const room = Math.max(4, Math.floor(width / faces[face].letter));
  const rows: string[] = [];
  let row = '';
  for (const word of visibleLine(text).split(/\s+/).filter(Boolean)) {
    let rest = row === '' ? word : `${row} ${word}`;
    if (row !== '' && lengthOf(rest) > room) {
      rows.push(row);
      rest = word;
    }
    for (; lengthOf(rest) > room; rest = [...rest].slice(room).join(''))
      rows.push([...rest].slice(0, room).join(''));
    row = rest;
  }
  if (row !== '') rows.push(row);
  const shown = rows.slice(0, most);
  const last = shown.at(-1);
  if (rows.length > most && last !== undefined)
    shown[most - 1] = `${[...last].slice(0, room - 1).join('')}…`;
  return shown.map((each) => ({ face, text: each, ...(tone ? { tone } : {}) }));
}

/** What a step is and its path in one line: where both do not fit, the last names of the path. */
export function nameLine(word: string, path: string, width: number, tone: Line['tone']): Line[] {
  // What destroys is bold, and takes more room.
  const room = Math.floor(width / faces.small.letter / (tone === 'destroy' ? 1.1 : 1));
  const names = namesOf(path);
  const whole = names.map((_name, at) => (at === 0 ? path : `…/${pathOf(names.slice(at))}`));
  const fitting = whole.find((each) => lengthOf(`${word} · ${each}`) <= room);
  return linesOf(`${word} · ${fitting ?? names.at(-1) ?? ''}`, 'small', width, 2, tone);
}

/** Height of lines below each other. */
export function heightOf(lines: readonly Line[]): number {
  return lines.reduce((sum, { face }) => sum + faces[face].line, 0);
}

function lengthOf(text: string): number {
  return [...text].length;
}
