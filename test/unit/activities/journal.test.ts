import { existsSync, mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { placeOf } from '../../../activities/host.js';
import { Journal } from '../../../activities/journal.js';
import { sweepJournals } from '../../../activities/journal-sweep.js';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'runbook-journals-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const outcome = { exitCode: 0, signal: null, notStarted: null, timedOut: false };

function journal(name: string): Journal {
  const made = new Journal(join(root, name));
  made.create();
  return made;
}

describe('a journal', () => {
  test('has one ticket, and who takes it first decides', () => {
    const one = journal('step/1.1');
    expect([
      one.takeTicket('start'),
      one.takeTicket('void'),
      one.takeTicket('start'),
      one.isVoid,
    ]).toEqual([true, false, false, false]);
    const other = journal('step/1.2');
    expect([
      other.isVoid,
      other.takeTicket('void'),
      other.takeTicket('start'),
      other.isVoid,
    ]).toEqual([false, true, false, true]);
  });

  test('tells what was written, and nothing before', () => {
    const one = journal('step/1.1');
    expect([one.process(), one.outcome()]).toEqual([undefined, undefined]);
    one.writeOutcome(outcome);
    expect(new Journal(one.folder).outcome()).toEqual(outcome);
  });

  test('is readable by its owner alone', () => {
    const one = journal('step/1.1');
    one.writeOutcome(outcome);
    expect(statSync(one.folder).mode & 0o077).toBe(0);
    expect(statSync(join(one.folder, 'outcome.json')).mode & 0o077).toBe(0);
  });
});

describe('old journals', () => {
  const day = 24 * 3_600_000;
  const now = Date.now();
  function ended(name: string, daysAgo: number, bytes: number): string {
    const one = journal(name);
    writeFileSync(join(one.folder, 'stdout'), Buffer.alloc(bytes));
    one.writeOutcome(outcome);
    const then = new Date(now - daysAgo * day);
    utimesSync(join(one.folder, 'outcome.json'), then, then);
    return one.folder;
  }

  test('go by age, then by size, the oldest first; those of running commands stay', async () => {
    const [tooOld, old, fresh] = [
      ended('a/1.1', 8, 10),
      ended('b/1.1', 3, 5_000),
      ended('c/1.1', 1, 5_000),
    ];
    const running = journal('d/1.1').folder;
    writeFileSync(join(running, 'stdout'), Buffer.alloc(100_000));
    expect(await sweepJournals(root, { ageMs: 7 * day, bytes: 8_000 }, now)).toBe(2);
    expect([tooOld, old, fresh, running].map((folder) => existsSync(folder))).toEqual([
      false,
      false,
      true,
      true,
    ]);
    expect(existsSync(join(root, 'a'))).toBe(false);
  });

  test('where there are none, there is nothing to do', async () => {
    expect(await sweepJournals(join(root, 'never-made'))).toBe(0);
  });
});

test('a place is the same for every worker on the same journals, and another one for others', () => {
  const other = mkdtempSync(join(tmpdir(), 'runbook-journals-'));
  expect(placeOf(root)).toBe(placeOf(root));
  expect(placeOf(other)).not.toBe(placeOf(root));
  rmSync(other, { recursive: true });
});
