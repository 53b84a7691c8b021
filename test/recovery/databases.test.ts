import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { execa } from 'execa';
import type { Check } from '../../common/check.js';
import { stretched } from '../../embedded/pace.js';
import { declaration } from '../../lab/strikes/declaration.js';
import type { Step } from '../../lab/strikes/schema.js';
import { StrikesService } from '../../lab/strikes/service.js';
import { until } from '../../lab/until.js';
import { programFolder } from '../../worker/config.js';
import { isLong } from '../chaos/tell.js';
import { createTestDatabase, type TestDatabase } from '../helpers/database.js';
import { databaseAccess, RecoveryRuns } from '../helpers/recovery-runs.js';

/*
 * A pipeline whose last stage is in another database than the rest, and one whose claims a query
 * tells. The end is compared with what the source alone says.
 */

const main = join(programFolder, 'client', 'main.js');

const newest = `
  -- of several claims about one chunk the newest
  SELECT DISTINCT ON ("Step", "Chunk") "Step" AS step, "Chunk" AS chunk, "Rows" AS rows, "Cost" AS cost
    FROM wildlife."Done" ORDER BY "Step", "Chunk", "At" DESC;`;

const { stages, checkpoints, quarantine, ...others } = declaration.data;
const [received, named, booked] = stages as [object, object, object];
const apart = { ...others, stages: [received, named, { ...booked, connection: 'books' }] };

/** Claims that a query returns. */
function told(query: string, change: object = {}): object {
  return {
    ...{ query, stage: 'step', batch: 'chunk', rows: 'rows', sums: { cost: 'cost' } },
    ...{ cumulative: false, ...change },
  };
}

/** As many claims as there are, with other columns. */
function claims(columns: string): string {
  return `SELECT ${columns} FROM wildlife."Done" d`;
}

const columns = `"Step" AS step, "Chunk" AS chunk, "Rows" AS rows, "Cost" AS cost`;

describe('a pipeline in several databases', () => {
  let first: TestDatabase;
  let second: TestDatabase;
  let strikes: StrikesService;
  let recovery: RecoveryRuns;

  beforeAll(async () => {
    first = await createTestDatabase('strikes_first');
    second = await createTestDatabase('strikes_second');
    strikes = await StrikesService.start({
      ...{ databaseUrl: first.url, bookedUrl: second.url, rows: 2_000, chunk: 200 },
    });
    await strikes.query(
      `CREATE OR REPLACE FUNCTION public.meddle() RETURNS int LANGUAGE sql AS $$ DELETE FROM wildlife.named RETURNING 1 $$`,
    );
    const { postgres, password } = databaseAccess(first.url, 'strikes-password');
    const books = databaseAccess(second.url, 'strikes-password').postgres;
    const target = (data: object, connections: object = { books }) => ({
      ...{ kind: 'pipeline', environment: 'test', postgres, connections },
      http: { address: strikes.url, bearer: 'strikes-token' },
      pipeline: { run: declaration.run, data },
    });
    const byQuery = (query: string, change: object = {}) =>
      target({
        ...{ ...apart, checkpoints: told(query, change) },
        quarantine: { rows: quarantine.rows },
      });
    const started = await RecoveryRuns.start({
      targets: {
        apart: target({ ...apart, checkpoints, quarantine }),
        told: byQuery(newest),
        gone: target(
          { ...apart, checkpoints, quarantine },
          { books: { address: 'postgres://127.0.0.1:1/none' } },
        ),
        writes: byQuery(`WITH gone AS (DELETE FROM wildlife.named RETURNING 1) ${claims(columns)}`),
        calls: byQuery(claims(`${columns}, public.meddle()`)),
        several: byQuery(`${claims(columns)}) c; DELETE FROM wildlife.named; SELECT (1`),
        ends: byQuery('COMMIT'),
        'no-column': byQuery(
          claims(`"Step" AS step, "Chunk" AS chunks, "Rows" AS rows, "Cost" AS cost`),
        ),
        'no-number': byQuery(
          claims(`"Step" AS step, "Chunk" AS chunk, "Step" AS rows, "Cost" AS cost`),
        ),
        'no-stage': byQuery(
          claims(`upper("Step") AS step, "Chunk" AS chunk, "Rows" AS rows, "Cost" AS cost`),
        ),
        'no-rows': byQuery(`${claims(columns)} WHERE false`),
        twice: byQuery(`${claims(columns)} UNION ALL ${claims(columns)}`),
        errs: byQuery(
          claims(`"Step" AS step, "Chunk" / 0 AS chunk, "Rows" AS rows, "Cost" AS cost`),
        ),
      },
      secrets: { 'strikes-token': strikes.token, 'strikes-password': password },
    });
    recovery = new RecoveryRuns(started);
  }, stretched(60_000));
  afterAll(async () => {
    await recovery?.stop();
    await strikes?.stop();
    await first?.drop();
    await second?.drop();
  });

  async function dump(): Promise<unknown[]> {
    const tables = ['"Strikes"', 'named', '"Report Lines"', '"Done"', '"Skip"', 'left_out'];
    const query = `${tables.map((table) => `SELECT '${table}' AS t, x::text AS row FROM wildlife.${table} x`).join(' UNION ALL ')} ORDER BY 1, 2`;
    return [await strikes.queryOf('received', query), await strikes.queryOf('booked', query)];
  }

  /** Failures, and what corrupts which database of a run that has failed. */
  const failures: readonly [
    what: string,
    cut: { step: Step; chunk: number; rows: number },
    then: [Step, string] | null,
  ][] = [
    ['between two batches', { step: 'named', chunk: 4, rows: 0 }, null],
    ['in the middle of a batch of the last step', { step: 'booked', chunk: 3, rows: 60 }, null],
    [
      'after the last step lost rows',
      { step: 'booked', chunk: 8, rows: 20 },
      ['booked', `DELETE FROM wildlife."Strikes" WHERE "No" IN ('BS-00212', 'BS-00411')`],
    ],
    [
      'after the step before lost rows',
      { step: 'booked', chunk: 8, rows: 20 },
      ['named', `DELETE FROM wildlife.named WHERE report = 'BS-00212'`],
    ],
    [
      'after rows of the last step came twice',
      { step: 'booked', chunk: 9, rows: 0 },
      [
        'booked',
        `INSERT INTO wildlife."Strikes" SELECT * FROM wildlife."Strikes" WHERE "Chunk" = 5 LIMIT 7`,
      ],
    ],
    [
      'after a key of the last step became another one',
      { step: 'named', chunk: 9, rows: 0 },
      ['booked', `UPDATE wildlife."Strikes" SET "No" = 'BS-x' WHERE "No" = 'BS-00411'`],
    ],
  ];

  async function broken([, cutAt, then]: (typeof failures)[number]): Promise<number> {
    const run = await strikes.brokenRun({ cutAt });
    if (then) await strikes.queryOf(...then);
    return run;
  }

  /** Each failure with one of the two in turn; in the long form with both. */
  const recovered = ['apart', 'told'].flatMap((pipeline, place) =>
    failures.filter((_, at) => isLong || at % 2 === place).map((each) => ({ pipeline, each })),
  );
  test.each(recovered)(
    '$pipeline, that failed $each.0, ends exactly right',
    async ({ pipeline, each }) => {
      await broken(each);
      const { view } = await recovery.recovered({ pipeline });
      expect(await strikes.found()).toEqual(strikes.truth());
      const { rows, cost, speed } = strikes.truth();
      expect(view.outputs).toMatchObject({ rows, sums: { cost: `${cost}`, speed: `${speed}` } });
    },
  );

  test('restarted without a proof, the same failures leave rows that are there twice, or lost', async () => {
    let wrong = 0;
    for (const failure of failures) {
      await strikes.resumeBlindly(await broken(failure));
      wrong += JSON.stringify(await strikes.found()) === JSON.stringify(strikes.truth()) ? 0 : 1;
    }
    process.stderr.write(`two databases, without a proof: ${wrong} of ${failures.length} wrong\n`);
    expect(wrong).toBeGreaterThan(0);
  });

  test('rows stay in the database of their stage, and the gate says what is moved where', async () => {
    await broken(failures[3] as (typeof failures)[number]);
    const { evidence } = await recovery.recovered();
    const byTable = evidence['of these, by table'] as Record<string, number>;
    const kept = (step: Step) =>
      strikes.queryOf(
        step,
        `SELECT stage, count(*)::int AS rows FROM safe.rows WHERE run NOT LIKE '%:begun' GROUP BY 1 ORDER BY 1`,
      );
    expect(await kept('named')).toEqual([{ stage: 'named', rows: byTable['wildlife.named'] }]);
    expect(await kept('booked')).toEqual([
      { stage: 'booked', rows: byTable['wildlife.Strikes at books'] },
    ]);
    expect(evidence['cannot be done']).toContain('one transaction for each database');
  });

  test('a record that cannot be booked is set aside in the database where the job looks', async () => {
    await strikes.brokenRun({ poison: 'BS-00777' });
    strikes.faults = { poison: 'BS-00777' };
    await recovery.recovered();
    expect(await strikes.found(['BS-00777'])).toEqual(strikes.truth(['BS-00777']));
  });

  test('a recovery that is cancelled puts the rows of both databases back, also where it moved none', async () => {
    await strikes.brokenRun({ cutAt: { step: 'booked', chunk: 8, rows: 0 } });
    await strikes.query(`DELETE FROM wildlife.named WHERE report = 'BS-01512'`);
    const state = async () => [
      await strikes.query(`SELECT n::text FROM wildlife.named n ORDER BY 1`),
      await strikes.query(
        `SELECT d::text FROM wildlife."Done" d WHERE "Step" <> 'received' ORDER BY 1`,
      ),
      await strikes.queryOf('booked', `SELECT s::text FROM wildlife."Strikes" s ORDER BY 1`),
    ];
    const before = await state();
    strikes.faults = { slowMs: 300 };
    const handle = await recovery.run();
    const { evidence } = await recovery.gate(handle);
    expect(evidence['of these, by table']).toMatchObject({ 'wildlife.Strikes at books': 0 });
    await recovery.decide(handle);
    await until('rows of the restarted job in the second database', async () => {
      const rows = await strikes.queryOf(
        'booked',
        `SELECT 1 FROM wildlife."Strikes" WHERE "Chunk" = 8`,
      );
      return rows.length > 0;
    });
    await recovery.decide(handle, { verb: 'cancel', reason: 'wrong pipeline' });
    const view = await recovery.ended(handle);
    expect(view.state).toBe('cancelled');
    expect(await state()).toEqual(before);
  });

  async function doctor(pipeline: string): Promise<Record<string, Check>> {
    const view = await recovery.ended(await recovery.run({ pipeline }, 'pipeline-check'));
    const { checks } = view.outputs as unknown as { checks: Check[] };
    return Object.fromEntries(checks.map((check) => [check.name, check]));
  }

  test('doctor proves every stage in its own database, and says what cannot be done', async () => {
    await broken(failures[2] as (typeof failures)[number]);
    const before = await dump();
    const checks = await doctor('apart');
    expect(checks['tables']?.found).toContain('wildlife.Strikes at books');
    expect(checks['proof of named']?.state).toBe('ok');
    expect(checks['proof of booked']).toMatchObject({
      state: 'warning',
      found: expect.stringMatching(/^booked from batch 2 on .*2 keys missing/) as unknown,
    });
    expect(checks['can be proved']?.found).toContain('compared over two databases');
    expect(checks['cannot be done']?.found).toContain('one after the other');
    expect((await doctor('told'))['cannot be done']?.found).toContain('a query returns');
    expect(await dump()).toEqual(before);
  });

  test('the plan says what is where, by which query, and what cannot be done', async () => {
    const { stdout } = await execa(
      process.execPath,
      [
        ...[main, 'plan', 'pipeline-recovery', '--input', 'pipeline=told'],
        ...['--task-queue', recovery.env['RUNBOOK_TASK_QUEUE'] ?? ''],
      ],
      { env: { ...recovery.env, RUNBOOK_HOME: '/nonexistent', COLUMNS: '400' } },
    );
    expect(stdout).toContain('named (wildlife.named) > booked (wildlife.Strikes at books)');
    expect(stdout).toMatch(/checkpoints +the query: -- of several claims.*DISTINCT ON/);
    expect(stdout).toContain('Checkpoints that a query returns are not moved');
    expect(stdout).toMatch(/told +pipeline, test.*books postgres:/);
  });

  test.each<[string, string, string]>([
    ['writes', 'database', 'data-modifying statement must be at the top level'],
    ['calls', 'database', 'cannot execute DELETE in a read-only transaction'],
    ['several', 'database', 'cannot insert multiple commands'],
    ['ends', 'database', 'syntax error'],
    ['errs', 'database', 'division by zero'],
    ['no-column', 'checkpoints', 'the query has no column chunk; is it chunks?'],
    ['no-number', 'checkpoints', 'column rows of the query is text, and a measure is a number'],
    ['no-stage', 'checkpoints', ', and the declared stages are '],
    ['twice', 'proofs', 'returns two rows with 1 in column chunk'],
    ['gone', 'database', 'cannot be reached'],
  ])(
    '%s: told in words, by doctor and before the gate, and nothing is changed',
    async (pipeline, name, said) => {
      await broken(failures[0] as (typeof failures)[number]);
      const before = await dump();
      const checks = await doctor(pipeline);
      expect(checks[name]).toMatchObject({
        state: 'failed',
        found: expect.stringContaining(said) as unknown,
      });
      const view = await recovery.ended(await recovery.run({ pipeline }));
      expect(view.state).toBe('failed');
      expect(view.problem?.message).toContain(said);
      expect(view.problem?.message.split('\n')).toHaveLength(1);
      expect(view.decisions).toEqual([]);
      expect(await dump()).toEqual(before);
    },
  );

  test('a query that returns nothing: doctor doubts it, and the gate says that nothing is claimed', async () => {
    await broken(failures[0] as (typeof failures)[number]);
    expect((await doctor('no-rows'))['checkpoints']).toMatchObject({
      state: 'warning',
      found: 'the query returns no row: nothing is claimed',
    });
    const handle = await recovery.run({ pipeline: 'no-rows' });
    expect((await recovery.gate(handle)).evidence['verdict']).toContain(
      'rows that no checkpoint claims',
    );
    await recovery.decide(handle, { verb: 'reject', reason: 'nothing is claimed' });
    await recovery.ended(handle);
  });
});
