import { expect, test } from '@jest/globals';
import { plainDecimal } from '../../common/decimal.js';
import { declarationOfParts } from '../../lab/airflow/declaration.js';
import { actionsFor } from '../../workflows/pipeline-recovery/actions.js';
import {
  chooseCheckpoint,
  heldRows,
  rowsByTable,
  type JobStatus,
  type Proofs,
} from '../../workflows/pipeline-recovery/findings.js';
import { declared, declaredExample } from '../helpers/declared.js';

/* From where a job goes on: nothing that is kept is corrupt, in any stage. */

const { data } = declaredExample;
const job: JobStatus = { id: 'j', status: 'failed', stage: 'clean', error: null };

/** Proofs of the stages; of those that are corrupt, the last good batch of three. */
function proofs(good: Readonly<Record<string, number>>): Proofs {
  const rows: [number, number][] = [1, 2, 3].map((batch) => [batch, 5]);
  const whole = {
    ...{ checkpoints: '3', last_batch: 3, rows_by_batch: rows, claimed_rows: '15' },
    ...{ actual_rows: '15', claimed_sums: ['1', '2'], actual_sums: ['1', '2'] },
    ...{ duplicates: '0', missing: '0', unclaimed: '0' },
  };
  return Object.fromEntries(
    data.stages.map(({ name }) => {
      const batch = good[name];
      const judged =
        batch === undefined
          ? { good_batch: 3, bad_batch: null }
          : { good_batch: batch, bad_batch: batch + 1 };
      return [name, { proof: [{ ...whole, ...judged }] }];
    }),
  );
}

test.each<[string, Record<string, number>, { stage: string; batch: number }, number]>([
  ['none', {}, { stage: 'clean', batch: 3 }, 0],
  ['a stage before the one that failed', { extract: 1 }, { stage: 'extract', batch: 1 }, 40],
  ['a stage behind it', { load: 2 }, { stage: 'load', batch: 2 }, 5],
  ['a later one in a later batch', { clean: 0, load: 2 }, { stage: 'clean', batch: 0 }, 45],
  ['a later one in an earlier batch', { clean: 2, load: 0 }, { stage: 'clean', batch: 0 }, 45],
])('corrupt is %s', (_what, good, checkpoint, rowsAgain) => {
  const choice = chooseCheckpoint(data, proofs(good), job);
  expect(choice).toMatchObject({ checkpoint, corrupt: Object.keys(good), rowsAgain });
});

test.each<[Record<string, number>, number[]]>([
  [{}, []],
  [{ extract: 1 }, [10, 10, 10, 10]],
  [{ load: 2 }, [5]],
  [{ clean: 0, load: 2 }, [15, 15, 15]],
])('with %j the rows are told by table, in the order of the stages', (good, rows) => {
  const given = proofs(good);
  const choice = chooseCheckpoint(data, given, job);
  const tables = data.stages.map(({ table }) => table.join('.')).slice(-rows.length || 4);
  const told = rowsByTable(data, choice);
  expect(Object.entries(told)).toEqual(rows.map((each, at) => [tables[at], each]));
  expect(Object.values(told).reduce((sum, each) => sum + each, 0)).toBe(choice.rowsAgain);
});

test.each([
  ['120.50000000000000000000', '120.5'],
  ['-3.00', '-3'],
  ['100', '100'],
  ['100.000', '100'],
  ['0.00', '0'],
  ['12345678901234567890.10', '12345678901234567890.1'],
  ['NaN', 'NaN'],
  ['A-1.10', 'A-1.10'],
])('%s is shown as %s', (text, shown) => {
  expect(plainDecimal(text)).toBe(shown);
});

test('sums are compared exactly, and shown without zeros that say nothing', () => {
  const given = proofs({ load: 2 }) as Record<string, { proof: Record<string, unknown>[] }>;
  Object.assign(given['load']?.proof[0] ?? {}, {
    ...{ claimed_sums: ['5.00', '12345678901234567890.00'] },
    actual_sums: ['5.0000', '12345678901234567891.00'],
  });
  expect(chooseCheckpoint(data, given as unknown as Proofs, job).verdict).toMatch(
    /\(sum of \w+ 12345678901234567891, claimed 12345678901234567890\)$/,
  );
  const sums = data.stages.at(-1)?.measures.map(() => '7.50000') ?? [];
  const held = heldRows(data, { target: [{ rows: '1', sums, checksum: null }] });
  expect(Object.values(held.sums)).toEqual(sums.map(() => '7.5'));
});

test('a record is set aside also where the stages are made as a whole, and move no rows', () => {
  const setAside = { table: 'lab.aside', key: ['report'], reason: 'why' };
  const parts = { ...declarationOfParts, data: { ...declarationOfParts.data, setAside } };
  const target = {
    ...{ name: 'one', kind: 'pipeline', environment: 'test', isolated: false },
    ...{ addresses: [], facts: {}, digest: '', pipeline: declared(parts) },
  };
  const choice = {
    ...{ checkpoint: { stage: 'parts', batch: 0 }, corrupt: ['parts'], verdict: '' },
    ...{ rowsAgain: 4, rowsByStage: { parts: 4 }, rowsAhead: 0 },
  };
  const worksOf = (stops: boolean, poison: string[] | null) =>
    actionsFor(target, { stops }, null).quarantine({ ...choice, poison }, 'run');
  expect(worksOf(true, null)).toEqual([]);
  const [[undone], [left]] = [worksOf(true, ['BS-1']), worksOf(false, ['BS-1'])];
  expect(JSON.stringify(undone?.action)).toContain('INSERT INTO');
  expect([undone?.undo, left?.undo]).toEqual([expect.anything(), undefined]);
});
