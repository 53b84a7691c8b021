import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Check } from '../../common/check.js';
import { stretched } from '../../embedded/pace.js';
import { Airflow } from '../../lab/airflow/airflow.js';
import {
  declaration,
  declarationOfDays,
  declarationOfParts,
} from '../../lab/airflow/declaration.js';
import { pythonProgram } from '../../lab/python/program.js';
import { StrikesWarehouse, type Fault } from '../../lab/airflow/warehouse.js';
import { until } from '../../lab/until.js';
import { createTestDatabase, type TestDatabase } from '../helpers/database.js';
import { databaseAccess, RecoveryRuns } from '../helpers/recovery-runs.js';

const program = pythonProgram('airflow');
const whereThereIsAirflow = program === null ? describe.skip : describe;

/* A real Airflow 3 with a DAG of five tasks that writes without transactions. */
whereThereIsAirflow('a DAG of Airflow', () => {
  let database: TestDatabase;
  let metadata: TestDatabase;
  let warehouse: StrikesWarehouse;
  let airflow: Airflow;
  let recovery: RecoveryRuns;

  beforeAll(async () => {
    database = await createTestDatabase('airflow');
    metadata = await createTestDatabase('airflow metadata');
    warehouse = new StrikesWarehouse(database.url);
    await warehouse.reset();
    const addresses = { warehouse: database.url, metadata: metadata.url };
    airflow = await Airflow.start(program ?? '', addresses);
    const { postgres, password } = databaseAccess(database.url, 'strikes-password');
    const target = (http: object, change: object = {}) => ({
      ...{ kind: 'pipeline', environment: 'test', postgres },
      pipeline: { ...declaration, run: { airflow: { ...declaration.run.airflow, ...change } } },
      http: { address: airflow.url, ...http },
    });
    const as = (user: string) => ({ login: { user, password: `${user}-password` } });
    const started = await RecoveryRuns.start({
      targets: {
        strikes: target(as('operator')),
        parts: { ...target(as('operator')), pipeline: declarationOfParts },
        others: { ...target(as('operator')), pipeline: declarationOfDays('others') },
        'token-given': target({ bearer: 'operator-token' }),
        'no-rights': target(as('onlooker')),
        'no-password': target({ login: { user: 'operator', password: 'onlooker-password' } }),
        'no-dag': target(as('operator'), { dag: 'strike' }),
        'no-task': target(as('operator'), { tasks: { received: 'receive', named: 'nam' } }),
        'no-airflow': target({ bearer: 'operator-token', address: `${airflow.url}/docs` }),
      },
      secrets: {
        'operator-token': await airflow.login(),
        'operator-password': airflow.passwords.operator,
        'onlooker-password': airflow.passwords.onlooker,
        'strikes-password': password,
      },
    });
    recovery = new RecoveryRuns(started);
  }, stretched(180_000));
  afterAll(async () => {
    await recovery?.stop();
    await airflow?.stop();
    await metadata?.drop();
    await database?.drop();
  }, stretched(60_000));
  beforeEach(() => warehouse.reset());

  const has = async (rows: string): Promise<boolean> =>
    (await warehouse.query(`${rows} LIMIT 1`)).length > 0;

  async function failed(fault?: Fault): Promise<string> {
    if (fault) await warehouse.fail(fault);
    const run = await airflow.trigger('strikes');
    expect(await airflow.ended('strikes', run)).toBe('failed');
    return run;
  }

  /** As a tired person would: clears what has failed, without a look at the data. */
  async function clearedBlindly(run: string, task: string): Promise<void> {
    await airflow.ask('POST', '/dags/strikes/clearTaskInstances', {
      ...{ dry_run: false, dag_run_id: run, task_ids: [task], include_downstream: true },
      only_failed: false,
    });
    expect(await airflow.ended('strikes', run)).toBe('success');
  }

  const killed: Fault = { step: 'named', chunk: 4, rows: 60, kind: 'kill' };
  const broken: Fault = { step: 'booked', chunk: 8, rows: 0, kind: 'raise' };

  /** Failures, the task that has failed, and what corrupts the data of a run that has failed. */
  const failures: readonly (readonly [
    what: string,
    fault: Fault,
    task: string,
    then: string,
    verdict: string,
  ])[] = [
    ['was killed in the middle of a chunk', killed, 'name', '', 'corrupt: named behind batch 3'],
    [
      'failed after a task before it had lost rows',
      broken,
      'book',
      `DELETE FROM wildlife.named WHERE report = (SELECT min(report) FROM wildlife.named WHERE "Chunk" = 9)`,
      'corrupt: named from batch 9 on',
    ],
    [
      'failed after rows came twice',
      broken,
      'book',
      `INSERT INTO wildlife."Strikes" SELECT * FROM wildlife."Strikes" WHERE "Chunk" = 5 LIMIT 7`,
      'corrupt: booked from batch 5 on',
    ],
  ];

  async function brokenRun([, fault, , then]: (typeof failures)[number]): Promise<string> {
    const run = await failed(fault);
    if (then) await warehouse.query(then);
    return run;
  }

  test.each(failures)(
    'that %s ends exactly right',
    async (...failure) => {
      const [, , task, , verdict] = failure;
      const run = await brokenRun(failure);
      const { evidence, view } = await recovery.recovered();
      expect(evidence).toMatchObject({
        'failed job': run,
        error: expect.stringMatching(new RegExp(`^task ${task}: `)),
        verdict: expect.stringContaining(verdict),
        'tasks that are cleared': expect.stringContaining(`${task} (failed), `),
        'version of the DAG': '1, the newest',
      });
      const { rows, cost, speed } = warehouse.truth();
      expect(view.outputs).toMatchObject({ rows, sums: { cost: `${cost}`, speed: `${speed}` } });
      expect(await warehouse.found()).toEqual(warehouse.truth());
    },
    stretched(120_000),
  );

  test(
    'cleared without a proof, the same are wrong at the end, and a later look finds no failed run',
    async () => {
      let [wrong, twice, lost] = [0, 0, 0];
      for (const failure of failures.slice(0, 2)) {
        await clearedBlindly(await brokenRun(failure), failure[2]);
        const found = await warehouse.found();
        wrong += JSON.stringify(found) === JSON.stringify(warehouse.truth()) ? 0 : 1;
        twice += found.twice;
        lost += found.lost;
        await warehouse.reset();
      }
      process.stderr.write(
        `Airflow, without a proof: ${wrong} of 2 wrong, ${twice} rows twice, ${lost} lost\n`,
      );
      expect(twice).toBeGreaterThan(0);
      expect(lost).toBeGreaterThan(0);
      const view = await recovery.ended(await recovery.run());
      expect(view.problem?.message).toContain('no job failed');
    },
    stretched(180_000),
  );

  test(
    'a record that a task names is set aside',
    async () => {
      await warehouse.query(`INSERT INTO lab.poison VALUES ('BS-00777')`);
      await failed();
      const { evidence } = await recovery.recovered({ pipeline: 'token-given' });
      expect(evidence).toMatchObject({
        error: 'task book: AirflowException: report BS-00777 has no damage that can be booked',
        'offending record': { 'Report No': 'BS-00777' },
      });
      expect(await warehouse.found(['BS-00777'])).toEqual(warehouse.truth(['BS-00777']));
    },
    stretched(120_000),
  );

  test(
    'with mapped tasks in a group: the failed ones are cleared, though the DAG has changed since',
    async () => {
      const first = await airflow.trigger('parts');
      expect(await airflow.ended('parts', first)).toBe('success');
      await warehouse.fail({ step: 'part', chunk: 2, rows: 0, kind: 'raise' });
      const run = await airflow.trigger('parts');
      expect(await airflow.ended('parts', run)).toBe('failed');
      const file = join(airflow.dags, 'parts.py');
      const text = await readFile(file, 'utf8');
      await writeFile(
        file,
        text
          .replace('load() >> gather()', 'load() >> gather() >> last()')
          .replace(
            '    @task\n    def gather',
            '    @task\n    def last():\n        pass\n\n    @task\n    def gather',
          ),
      );
      await airflow.readDags();
      const { evidence } = await recovery.recovered({ pipeline: 'parts' });
      expect(evidence).toMatchObject({
        'failed job': run,
        'failed stage': 'parts',
        error: 'task load.part[2]: AirflowException: part 2 was refused',
        verdict: 'not corrupt: the keys of every stage match',
        'tasks that are cleared': '2: load.part[2] (failed), gather (upstream_failed)',
        'version of the DAG': expect.stringMatching(/^the code as it is now, 2: .*tasks had 1\)$/),
      });
      const [found] = await warehouse.query<{ n: number; keys: number }>(
        'SELECT count(*)::int AS n, count(DISTINCT report)::int AS keys FROM lab.gathered',
      );
      expect(found).toEqual({ n: warehouse.source.length, keys: warehouse.source.length });
    },
    stretched(180_000),
  );

  test(
    'with many failed DAG runs: one approval recovers them, a few at a time, once their pool has room',
    async () => {
      // A task of another DAG keeps the only slot for as long as it is told to be slow.
      for (const chunk of [1, 2, 3, 4, 5, 6, 7, 8, 9])
        await warehouse.fail({ step: 'received', chunk, rows: 0, kind: 'slow' });
      const days = [1, 2, 3];
      for (const chunk of days)
        await warehouse.fail({ step: 'others', chunk, rows: 0, kind: 'raise' });
      const runs: string[] = [];
      for (const day of days) runs.push(await airflow.trigger('others', { day: `${day}` }));
      for (const run of runs) expect(await airflow.ended('others', run)).toBe('failed');
      const other = await airflow.trigger('strikes');
      await until('the slot to be taken', () => has('SELECT FROM wildlife."Report Lines"'));
      await airflow.setSlots(1);
      const handle = await recovery.run(
        { pipelines: ['others'], at_once: 2 },
        'dag-failure-recovery',
      );
      const { evidence } = await recovery.gate(handle);
      expect(JSON.stringify(evidence)).not.toContain('quarantine');
      expect(evidence['pools of others']).toMatch(/^default_pool: 0 of 1 slots free, /);
      await recovery.decide(handle);
      const room = async () => recovery.stateOf(await recovery.status(handle), 'room/others');
      await until('it to look for room', async () => (await room()) !== 'pending');
      await warehouse.query('DELETE FROM lab.faults');
      await until('room', async () => (await room()) === 'succeeded');
      await airflow.setSlots(128);
      const view = await recovery.ended(handle);
      expect(view.problem).toBeNull();
      const { end_date: freed } = await airflow.ask<{ end_date: string }>(
        'GET',
        `/dags/strikes/dagRuns/${encodeURIComponent(other)}/taskInstances/receive`,
      );
      for (const run of runs) {
        const { queued_at: cleared } = await airflow.ask<{ queued_at: string }>(
          'GET',
          `/dags/others/dagRuns/${encodeURIComponent(run)}`,
        );
        expect(Date.parse(cleared)).toBeGreaterThan(Date.parse(freed));
      }
      expect(await airflow.ended('strikes', other)).toBe('success');
      expect(view.outputs).toMatchObject({ recovered: runs.map((run) => `others ${run}`) });
      // Each was cleared once, and the third one when the two before it had ended.
      const [first, second, third] = await warehouse.query<{ began: Date; ended: Date }>(
        'SELECT began, ended FROM lab.work ORDER BY id',
      );
      expect(third?.began.getTime()).toBeGreaterThan(
        Math.max(Number(first?.ended), Number(second?.ended)),
      );
      const [found] = await warehouse.query<{ n: number; work: number }>(
        `SELECT (SELECT count(*) FROM lab.reports_by_day JOIN lab.others USING (day, report))::int AS n,
                (SELECT count(*) FROM lab.work)::int AS work`,
      );
      const [wanted] = await warehouse.query<{ n: number }>(
        `SELECT count(*)::int AS n FROM lab.reports_by_day WHERE day IN ('1', '2', '3')`,
      );
      expect(found).toEqual({ n: wanted?.n, work: 3 });
    },
    stretched(120_000),
  );

  test(
    'that is killed with all of Airflow and our worker while it recovers ends exactly right',
    async () => {
      await failed(killed);
      for (const chunk of [5, 6, 7, 8, 9])
        await warehouse.fail({ step: 'named', chunk, rows: 0, kind: 'slow' });
      const handle = await recovery.run();
      await recovery.decide(handle);
      await recovery.followed(handle);
      await until('the task to work', async () => {
        const [row] = await warehouse.query<{ n: number }>(
          'SELECT count(*)::int AS n FROM wildlife.named WHERE "Chunk" = 5',
        );
        return (row?.n ?? 0) > 0;
      });
      await Promise.all([airflow.powerCut('strikes'), recovery.replaceWorker()]);
      await warehouse.query('DELETE FROM lab.faults');
      await airflow.begin('api-server', 'scheduler');
      // What the task had half written is asked about again.
      const asked = await recovery.gate(handle);
      expect(asked.evidence['verdict']).toContain('corrupt: named ');
      await recovery.decide(handle);
      expect((await recovery.ended(handle)).problem).toBeNull();
      expect(await warehouse.found()).toEqual(warehouse.truth());
    },
    stretched(240_000),
  );

  test(
    'is proved by doctor, which says of each mistake what to do',
    async () => {
      const doctor = async (pipeline: string) => {
        const view = await recovery.ended(await recovery.run({ pipeline }, 'pipeline-check'));
        const { checks } = view.outputs as unknown as { checks: Check[] };
        return Object.fromEntries(checks.map(({ name, ...check }) => [name, check]));
      };
      expect(await doctor('strikes')).toMatchObject({
        jobs: {
          state: 'ok',
          found: expect.stringMatching(/; the newest is manual__.*, completed$/),
        },
        restart: {
          state: 'ok',
          found: expect.stringContaining('5: receive (success), name (success)'),
        },
        'cannot be done': { found: expect.stringContaining('Clearing a task discards its state') },
      });
      const mistakes: [target: string, check: string, found: string, fix: string][] = [
        ['no-rights', 'restart', 'answered 403', 'give that user the right'],
        ['no-password', 'jobs', 'answered 401 to the log-in of operator', 'onlooker-password'],
        ['no-dag', 'jobs', 'Airflow has no DAG strike', 'airflow dags list'],
        ['no-task', 'jobs', 'has no task nam (stage named); is it name?', 'run.airflow.tasks'],
        ['no-airflow', 'jobs', 'is no Airflow 3', 'the address of the API server'],
      ];
      for (const [target, check, found, fix] of mistakes)
        expect([target, (await doctor(target))[check]]).toEqual([
          target,
          {
            state: 'failed',
            found: expect.stringContaining(found),
            fix: expect.stringContaining(fix),
          },
        ]);
      await airflow.ask('PATCH', '/dags/strikes?update_mask=is_paused', { is_paused: true });
      expect((await doctor('strikes'))['jobs']).toMatchObject({
        state: 'failed',
        found: expect.stringContaining('DAG strikes is paused'),
        fix: expect.stringContaining('airflow dags unpause strikes'),
      });
      await airflow.ask('PATCH', '/dags/strikes?update_mask=is_paused', { is_paused: false });
    },
    stretched(120_000),
  );
});
