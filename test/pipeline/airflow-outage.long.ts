import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { WorkflowHandle } from '@temporalio/client';
import type { RunView } from '../../common/view.js';
import { stretched } from '../../embedded/pace.js';
import { Airflow } from '../../lab/airflow/airflow.js';
import {
  declarationOfArrivals,
  declarationOfDays,
  declarationOfVersions,
} from '../../lab/airflow/declaration.js';
import { pythonProgram } from '../../lab/python/program.js';
import { Repository } from '../../lab/airflow/repository.js';
import { StrikesWarehouse } from '../../lab/airflow/warehouse.js';
import { until } from '../../lab/until.js';
import { tell } from '../chaos/tell.js';
import { createTestDatabase, type TestDatabase } from '../helpers/database.js';
import { databaseAccess, RecoveryRuns } from '../helpers/recovery-runs.js';

const program = pythonProgram('airflow');

/*
 * Many DAG runs of three DAGs after an outage, tasks that wait without a worker, and DAGs that have
 * changed since: on a real Airflow with a triggerer, and with a bundle from Git. npm run chaos --
 * outage
 */
describe('an Airflow', () => {
  let folder: string;
  let database: TestDatabase;
  let metadata: TestDatabase;
  let warehouse: StrikesWarehouse;
  let repository: Repository;
  let airflow: Airflow;
  let recovery: RecoveryRuns;

  beforeAll(async () => {
    if (program === null) throw new Error('there is no Airflow here: npm run airflow installs it');
    folder = await mkdtemp(join(tmpdir(), 'runbook-bundle-'));
    database = await createTestDatabase('outage');
    metadata = await createTestDatabase('outage metadata');
    warehouse = new StrikesWarehouse(database.url);
    await warehouse.reset();
    repository = await Repository.create(folder);
    const addresses = {
      warehouse: database.url,
      metadata: metadata.url,
      repository: repository.url,
    };
    airflow = await Airflow.start(program, addresses);
    await airflow.begin('triggerer');
    const { postgres, password } = databaseAccess(database.url, 'warehouse-password');
    const target = (pipeline: object) => ({
      ...{ kind: 'pipeline', environment: 'test', postgres, pipeline },
      http: {
        address: airflow.url,
        login: { user: 'operator', password: 'operator-password' },
      },
    });
    const started = await RecoveryRuns.start({
      targets: {
        days: target(declarationOfDays('days')),
        others: target(declarationOfDays('others')),
        sums: target(declarationOfDays('sums', ['days'])),
        arrivals: target(declarationOfArrivals),
        versions: target(declarationOfVersions('run')),
        'versions-newest': target(declarationOfVersions('newest')),
      },
      secrets: {
        'operator-password': airflow.passwords.operator,
        'warehouse-password': password,
      },
    });
    recovery = new RecoveryRuns(started);
  }, stretched(240_000));
  afterAll(async () => {
    await recovery?.stop();
    await airflow?.stop();
    await metadata?.drop();
    await database?.drop();
    await rm(folder, { recursive: true, force: true });
  }, stretched(60_000));
  beforeEach(async () => {
    await warehouse.reset();
    await airflow.setSlots(128);
  });

  /** The end of a run that asks nobody on its way. @throws when it does */
  async function endedUnasked(handle: WorkflowHandle): Promise<RunView> {
    await until(
      'the run to end',
      async () => {
        const { endedAt, waitingFor } = await recovery.status(handle);
        if (endedAt === null && waitingFor.length > 0)
          throw new Error(`the run asks people: ${JSON.stringify(waitingFor).slice(0, 4_000)}`);
        return endedAt !== null;
      },
      300_000,
    );
    return recovery.ended(handle);
  }

  describe('after an outage', () => {
    /** Each DAG run has a date of its own, and a later one than all before it. */
    let dates = 0;
    type Day = readonly [dag: 'days' | 'others' | 'sums', day: number];

    /** Each fails once in its DAG run, and `again` once more. */
    async function outage(failed: readonly Day[], again: readonly Day[] = []): Promise<string[]> {
      for (const [step, chunk] of [...failed, ...again])
        await warehouse.fail({ step, chunk, rows: 0, kind: 'raise' });
      const runs: [string, string][] = [];
      for (const [dag, day] of failed) {
        const date = new Date(Date.UTC(2026, 0, 1, (dates += 1))).toISOString();
        runs.push([dag, await airflow.trigger(dag, { day: `${day}` }, date)]);
      }
      for (const [dag, run] of runs) expect(await airflow.ended(dag, run)).toBe('failed');
      return runs.map(([dag, run]) => `${dag} ${run}`);
    }

    /** What each DAG has made of each of its days, against what the source has. */
    async function compared(dag: string): Promise<object[]> {
      return warehouse.query(
        `SELECT * FROM
           (SELECT s.day, (count(d.report) - count(DISTINCT d.report))::int AS twice,
                   (count(DISTINCT s.report) - count(DISTINCT d.report))::int AS lost
            FROM lab.reports_by_day s LEFT JOIN lab.${dag} d USING (day, report)
            WHERE s.day IN (SELECT day FROM lab.work WHERE dag = $1) GROUP BY s.day) each
         WHERE twice > 0 OR lost > 0`,
        [dag],
      );
    }

    /** How many of the DAG runs were cleared and had not ended, at the same moment. */
    async function mostAtOnce(ids: readonly string[]): Promise<number> {
      const times = await Promise.all(
        ids.map(async (id) => {
          const [dag = '', run = ''] = id.split(' ');
          return airflow.ask<{ queued_at: string; end_date: string }>(
            'GET',
            `/dags/${dag}/dagRuns/${encodeURIComponent(run)}`,
          );
        }),
      );
      const open = times.map(({ queued_at: at }) =>
        times.filter((each) => each.queued_at <= at && each.end_date > at),
      );
      return Math.max(...open.map((each) => each.length));
    }

    /** In which order they began, and what was closed. */
    async function worked(): Promise<{ begun: string[]; closed: string[] }> {
      const told = async (table: string, order: string): Promise<string[]> => {
        const rows = await warehouse.query<{ what: string }>(
          `SELECT dag || ' ' || day AS what FROM lab.${table} ORDER BY ${order}`,
        );
        return rows.map(({ what }) => what);
      };
      return { begun: await told('work', 'began'), closed: await told('closed', '1') };
    }

    const inputs = { pipelines: ['sums', 'days', 'others'], at_once: 2 };
    const failed: readonly Day[] = [
      ...[1, 2, 3].map((day) => ['days', day] as const),
      ...[1, 2, 3, 4].map((day) => ['others', day] as const),
      ...[1, 2, 3].map((day) => ['sums', day] as const),
    ];

    /** The most tasks that were at work at the same moment. */
    async function mostTasks(): Promise<number> {
      const [found] = await warehouse.query<{ n: number }>(
        `SELECT max(n)::int AS n FROM lab.work w CROSS JOIN LATERAL
           (SELECT count(*) AS n FROM lab.work o
            WHERE o.began <= w.began AND o.ended > w.began) each`,
      );
      return found?.n ?? 0;
    }

    test.each([128, 1])(
      'ten DAG runs of three DAGs are recovered two at a time, in their order, each once: a pool of %i slots',
      async (slots) => {
        const ids = await outage(failed);
        await airflow.setSlots(slots);
        const handle = await recovery.run(inputs, 'dag-failure-recovery');
        const { evidence } = await recovery.gate(handle);
        expect(evidence).toMatchObject({
          'DAG runs to clear': ids.map((id) => expect.stringContaining(id)),
          causes: expect.arrayContaining(['4 of 10: AirflowException: others lost its connection']),
          'pools of days': expect.stringMatching(/^default_pool: \d+ of \d+ slots free, /),
        });
        await recovery.decide(handle);
        const view = await endedUnasked(handle);
        expect(view.problem).toBeNull();
        expect(view.outputs).toMatchObject({
          ...{ recovered: expect.arrayContaining(ids), failedAgain: [], left: [], beyond: 0 },
        });
        const atOnce = await mostAtOnce(ids);
        const { begun, closed } = await worked();
        const tasks = await mostTasks();
        tell(`outage: 10 DAG runs recovered, at most ${atOnce} of 2 at once, ${tasks} tasks`);
        expect(tasks).toBeLessThanOrEqual(slots);
        expect(atOnce).toBeLessThanOrEqual(2);
        const each = failed.map(([dag, day]) => `${dag} ${day}`);
        expect(begun.toSorted()).toEqual(each.toSorted());
        expect(closed).toEqual(each.toSorted());
        const place = (what: string): number => begun.indexOf(what);
        expect(place('days 1')).toBeLessThan(place('days 2'));
        expect(place('days 2')).toBeLessThan(place('days 3'));
        expect(place('days 3')).toBeLessThan(
          Math.min(...[1, 2, 3].map((day) => place(`sums ${day}`))),
        );
        for (const dag of ['days', 'others', 'sums']) expect(await compared(dag)).toEqual([]);
      },
      stretched(600_000),
    );

    test(
      'cleared all at once, the newest first as a list shows them, the same are wrong at the end',
      async () => {
        const ids = await outage(failed);
        const cleared = async (some: readonly string[]): Promise<void> => {
          const runs = some.map((id) => id.split(' ') as [dag: string, run: string]);
          for (const [dag, run] of runs)
            await airflow.ask('POST', `/dags/${dag}/clearTaskInstances`, {
              ...{ dry_run: false, dag_run_id: run, only_failed: false, task_ids: ['load'] },
              include_downstream: true,
            });
          for (const [dag, run] of runs) await airflow.ended(dag, run);
        };
        await cleared(ids.slice(7).toReversed());
        await cleared(ids.slice(0, 7).toReversed());
        const wrong = await compared('sums');
        const atOnce = await mostAtOnce(ids);
        tell(`outage, all cleared at once: ${atOnce} at once, ${wrong.length} of 3 sums wrong`);
        expect(wrong).toHaveLength(3);
        expect(atOnce).toBeGreaterThan(2);
      },
      stretched(600_000),
    );

    test(
      'one that fails again stops it: people are asked, and what waits for it is not cleared',
      async () => {
        const ids = await outage(failed, [['days', 2]]);
        const handle = await recovery.run(inputs, 'dag-failure-recovery');
        await recovery.decide(handle);
        await until(
          'people to be asked again',
          async () => {
            const [asked] = (await recovery.status(handle)).waitingFor;
            return asked?.attempt === 2;
          },
          300_000,
        );
        const { evidence } = await recovery.gate(handle);
        expect(evidence['failed again']).toEqual([
          expect.stringMatching(/^days .*: task load: AirflowException: days lost its connection$/),
        ]);
        const before = (await worked()).begun;
        await recovery.decide(handle);
        const view = await endedUnasked(handle);
        expect(view.state).toBe('failed');
        const outputs = view.outputs as Record<string, { id: string }[]>;
        expect(outputs['failedAgain']).toMatchObject([{ id: ids[1] }]);
        // The day behind it, and all sums of these days.
        expect(outputs['left']?.map(({ id }) => id).toSorted()).toEqual(
          [ids[2], ...ids.slice(7)].toSorted(),
        );
        const { begun } = await worked();
        expect(begun.filter((what) => what.startsWith('days'))).toEqual(['days 1']);
        expect(begun.filter((what) => what.startsWith('others'))).toHaveLength(4);
        expect(begun.length).toBeGreaterThan(before.length);
      },
      stretched(600_000),
    );

    test(
      'a worker that is killed in the middle of a batch clears nothing twice',
      async () => {
        await outage(failed.filter(([dag]) => dag === 'others'));
        const handle = await recovery.run(
          { pipelines: ['others'], at_once: 3 },
          'dag-failure-recovery',
        );
        await recovery.decide(handle);
        await recovery.followed(handle);
        await recovery.replaceWorker();
        expect((await endedUnasked(handle)).problem).toBeNull();
        const { begun } = await worked();
        expect(begun.toSorted()).toEqual([1, 2, 3, 4].map((day) => `others ${day}`));
        expect(await compared('others')).toEqual([]);
      },
      stretched(600_000),
    );
  });

  describe('with a sensor that waits without a worker', () => {
    const stateOf = async (run: string, task: string): Promise<string> => {
      const path = `/dags/arrivals/dagRuns/${encodeURIComponent(run)}/taskInstances/${task}`;
      return (await airflow.ask<{ state: string }>('GET', path)).state;
    };
    const isIn = (run: string, task: string, state: string): Promise<boolean> =>
      until(`${task} to be ${state}`, async () => (await stateOf(run, task)) === state, 90_000);

    test(
      'says so while it waits, clears nothing, and later only what has failed',
      async () => {
        await rm(airflow.arrival, { force: true });
        await warehouse.fail({ step: 'check', chunk: 1, rows: 0, kind: 'raise' });
        const run = await airflow.trigger('arrivals');
        await isIn(run, 'wait_for_file', 'deferred');
        await isIn(run, 'check', 'failed');
        const waits = `job ${run} is running (it waits: wait_for_file is deferred)`;
        const early = await recovery.ended(await recovery.run({ pipeline: 'arrivals' }));
        expect(early.problem?.message).toContain(waits);
        const named = await recovery.ended(await recovery.run({ pipeline: 'arrivals', job: run }));
        expect(named.problem?.message).toBe(`${waits}: it has not failed`);
        const doctor = await recovery.ended(
          await recovery.run({ pipeline: 'arrivals' }, 'pipeline-check'),
        );
        expect(JSON.stringify(doctor.outputs)).toContain('it waits: wait_for_file is deferred');
        expect(await stateOf(run, 'wait_for_file')).toBe('deferred');

        await writeFile(airflow.arrival, '');
        expect(await airflow.ended('arrivals', run)).toBe('failed');
        await rm(airflow.arrival);
        const { evidence } = await recovery.recovered({ pipeline: 'arrivals' });
        expect(evidence['tasks that are cleared']).toBe('1: check (failed)');
        expect(await stateOf(run, 'wait_for_file')).toBe('success');
      },
      stretched(300_000),
    );

    test(
      'that had failed itself waits again, and is followed until what it waits for is there',
      async () => {
        await rm(airflow.arrival, { force: true });
        const run = await airflow.trigger('arrivals');
        await isIn(run, 'wait_for_file', 'deferred');
        const path = `/dags/arrivals/dagRuns/${encodeURIComponent(run)}/taskInstances/wait_for_file`;
        await airflow.ask('PATCH', path, { new_state: 'failed' });
        expect(await airflow.ended('arrivals', run)).toBe('failed');
        const handle = await recovery.run({ pipeline: 'arrivals' });
        const { evidence } = await recovery.gate(handle);
        expect(evidence['tasks that are cleared']).toBe(
          '2: take (upstream_failed), wait_for_file (failed)',
        );
        await recovery.decide(handle);
        await isIn(run, 'wait_for_file', 'deferred');
        await recovery.followed(handle);
        await writeFile(airflow.arrival, '');
        expect((await recovery.ended(handle)).problem).toBeNull();
        const [found] = await warehouse.query('SELECT count(*)::int AS n FROM lab.arrived');
        expect(found).toEqual({ n: warehouse.source.length });
      },
      stretched(300_000),
    );
  });

  describe('whose DAG has changed since the DAG run', () => {
    let code = 'first';
    let commit = '';

    /** A DAG run that fails, and the DAG changed behind it. @returns the run, and its commit */
    async function failedBefore(next: string): Promise<{ run: string; before: string }> {
      await warehouse.fail({ step: 'mark', chunk: 1, rows: 0, kind: 'raise' });
      const run = await airflow.trigger('versions');
      expect(await airflow.ended('versions', run)).toBe('failed');
      const path = `/dags/versions/dagRuns/${encodeURIComponent(run)}`;
      const { bundle_version: before } = await airflow.ask<{ bundle_version: string }>('GET', path);
      commit = await repository.change(`CODE = "${code}"`, `CODE = "${next}"`);
      code = next;
      await airflow.readDags();
      return { run, before };
    }

    async function marks(): Promise<unknown> {
      const rows = await warehouse.query<{ code: string; n: number }>(
        'SELECT code, count(*)::int AS n FROM lab.marked GROUP BY code',
      );
      return rows.map(({ code: mark, n }) => [mark, n]);
    }

    test(
      'runs the code that the run had, from Git, unless the newest is declared',
      async () => {
        const { before } = await failedBefore('second');
        const { evidence } = await recovery.recovered({ pipeline: 'versions' });
        expect(evidence['version of the DAG']).toContain(`again (bundle ${before.slice(0, 12)})`);
        expect(evidence['version of the DAG']).toContain(`(bundle ${commit.slice(0, 12)})`);
        expect(await marks()).toEqual([['first', warehouse.source.length]]);
      },
      stretched(300_000),
    );

    test(
      'runs the newest code where that is declared',
      async () => {
        await failedBefore('third');
        const { evidence } = await recovery.recovered({ pipeline: 'versions-newest' });
        expect(evidence['version of the DAG']).toContain(
          `(bundle ${commit.slice(0, 12)}); the run had`,
        );
        expect(await marks()).toEqual([['third', warehouse.source.length]]);
      },
      stretched(300_000),
    );

    test(
      'says that a run without a version runs the code as it is now',
      async () => {
        const { run } = await failedBefore('fourth');
        await airflow.forgetVersion('versions', run);
        const { evidence } = await recovery.recovered({ pipeline: 'versions' });
        expect(evidence['version of the DAG']).toContain('the code as it is now');
        expect(await marks()).toEqual([['fourth', warehouse.source.length]]);
      },
      stretched(300_000),
    );
  });
});
