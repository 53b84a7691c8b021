import { describe, expect, test } from '@jest/globals';
import { ProcedureStopped } from '../../workflows/engine/outcome.js';
import {
  chooseCheckpoint,
  heldRows,
  type Compared,
  type JobStatus,
  type Proofs,
} from '../../workflows/pipeline-recovery/findings.js';
import { declaredExample } from '../helpers/declared.js';

/* What is absent is no value: no answer is neither the answer zero nor the answer "all is well". */

const { data } = declaredExample;
const stages = data.stages.map(({ name }) => name);
const [, second = ''] = stages;
const job: JobStatus = { id: 'j', status: 'failed', stage: second, error: null };
const rows: [number, number][] = [1, 2, 3].map((batch) => [batch, 5]);
const proof = {
  ...{ checkpoints: '3', last_batch: 3, good_batch: 3, bad_batch: null, rows_by_batch: rows },
  ...{ claimed_rows: '15', actual_rows: '15', claimed_sums: ['1', '2'], actual_sums: ['1', '2'] },
  ...{ duplicates: '0', missing: '0', unclaimed: '0' },
};
const whole: Proofs = Object.fromEntries(stages.map((stage) => [stage, { proof: [proof] }]));

/** How often the procedure goes on with something that nobody has said. */
function goesOn(attempts: readonly (() => unknown)[]): unknown[] {
  return attempts.flatMap((attempt) => {
    try {
      return [attempt()];
    } catch (error) {
      if (error instanceof ProcedureStopped) return [];
      throw error;
    }
  });
}

describe('pipeline-recovery', () => {
  test('goes on from the checkpoint that was proved', () => {
    expect(chooseCheckpoint(data, whole, job)).toMatchObject({
      checkpoint: { stage: second, batch: 3 },
      corrupt: [],
    });
  });

  const lacking = (['good_batch', 'bad_batch', 'rows_by_batch', 'unclaimed'] as const).map(
    (name) => {
      const { [name]: _, ...rest } = proof;
      return { proof: [rest] };
    },
  );
  const absent = [undefined, null, {}, { proof: [] }, 'done by hand', ...lacking];

  test('stops where a stage was not proved, whichever it is, and says which', () => {
    const attempts = stages.flatMap((stage) =>
      absent.map(
        (answer) => () => chooseCheckpoint(data, { ...whole, [stage]: answer } as Proofs, job),
      ),
    );

    const found = goesOn(attempts);
    // With `?? null` instead, as once: what is not there is not corrupt.
    const open = absent.filter(
      (answer) => ((answer as Proofs[string] | null)?.proof?.[0]?.bad_batch ?? null) === null,
    ).length;
    process.stderr.write(
      `absent proofs taken for good: ${found.length} of ${attempts.length}; guard off: ${open * stages.length}\n`,
    );
    expect(found).toEqual([]);
    expect(open).toBeGreaterThan(0);
    expect(() =>
      chooseCheckpoint(data, { ...whole, [second]: undefined } as unknown as Proofs, job),
    ).toThrow(`whether stage ${second} is corrupt is not known`);
  });

  test('stops where the rows were not counted; none counted is a count', () => {
    const nothing = [null, {}, { target: [] }, { target: [{ sums: ['0', '0'] }] }];
    expect(goesOn(nothing.map((each) => () => heldRows(data, each as Compared)))).toEqual([]);
    const zero = { rows: '0', sums: ['0', '0'], checksum: null };
    expect(heldRows(data, { target: [zero] })).toEqual({
      rows: 0,
      sums: { distance: '0', delay: '0' },
    });
  });
});
