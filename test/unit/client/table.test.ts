import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { projectRoot } from '../../../embedded/home.js';
import { painter } from '../../../client/output.js';
import { table, type TableForm } from '../../../client/table.js';

const plain = painter({ isTTY: false, env: {} });
const form: TableForm = {
  columns: [{ name: 'ID' }, { name: 'TITLE' }, { name: 'BY' }, { name: 'TIME', align: 'right' }],
  narrow: [
    ['TITLE', 12],
    ['BY', 'below'],
    ['TIME', 'below'],
    ['TITLE', 'below'],
    ['ID', 8],
  ],
};
const row = ['orders-1', 'Bring the whole system back', 'ada', '12 s'];
const at = (width: number, ...rows: string[][]): string[] =>
  table(form, rows.length > 0 ? rows : [row], width, plain).split('\n');

describe('a table', () => {
  test('stands as it is where there is room, and where nobody looks', () => {
    const whole = [
      'ID        TITLE                        BY   TIME',
      'orders-1  Bring the whole system back  ada  12 s',
    ];
    expect(at(49)).toEqual(whole);
    expect(at(Infinity)).toEqual(whole);
  });

  test('gives way in its order: lines are broken first, then columns stand below their row', () => {
    expect(at(40)).toEqual([
      'ID        TITLE                BY   TIME',
      'orders-1  Bring the whole      ada  12 s',
      '          system back',
    ]);
    expect(at(28)).toEqual([
      'ID        TITLE         TIME',
      'orders-1  Bring the     12 s',
      '          whole system',
      '          back',
      '  by: ada',
    ]);
    expect(at(21)).toEqual([
      'ID',
      'orders-1',
      '  title: Bring the',
      '  whole system back;',
      '  by: ada; time: 12 s',
    ]);
  });

  test('breaks a word only where it has to, behind a part of it', () => {
    const long = ['site/restore/database', '', '', ''];
    expect(at(14, long)).toEqual(['ID', 'site/restore/', 'database']);
    expect(at(9, ['x'.repeat(12), '', '', ''])).toEqual(['ID', 'x'.repeat(9), 'xxx']);
  });

  test('fits, and nothing of it is lost', () => {
    const cell = fc.string({ maxLength: 50 });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(cell, cell, cell, cell), { maxLength: 8 }),
        fc.integer({ min: 60, max: 140 }),
        (rows, width) => {
          const lines = at(width, ...rows);
          for (const each of lines) expect(each.length).toBeLessThanOrEqual(width);
          const drawn = lettersOf(lines.join(''));
          for (const [letter, times] of lettersOf(rows.flat().join('')))
            expect(drawn.get(letter) ?? 0).toBeGreaterThanOrEqual(times);
        },
      ),
      { numRuns: 200 },
    );
  });
});

function lettersOf(text: string): Map<string, number> {
  const found = new Map<string, number>();
  for (const letter of text.replace(/\s/g, '')) found.set(letter, (found.get(letter) ?? 0) + 1);
  return found;
}

test('one renderer decides: no command pads or cuts columns of its own', () => {
  const folder = join(projectRoot, 'client', 'commands');
  const own = readdirSync(folder).filter((file) =>
    /\.join\(' {2}'\)|shrinkTo|line\([^()]+, \d+\)/.test(readFileSync(join(folder, file), 'utf8')),
  );
  expect(own).toEqual([]);
});
