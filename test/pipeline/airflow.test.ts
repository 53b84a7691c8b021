import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { RunView } from '../../common/view.js';
import { stretched } from '../../embedded/pace.js';
import { Airflow } from '../../lab/airflow/airflow.js';
import { declaration } from '../../lab/airflow/declaration.js';
import { airflowProgram } from '../../lab/airflow/program.js';
import { StrikesWarehouse, type Fault } from '../../lab/airflow/warehouse.js';
import { createTestDatabase, type TestDatabase } from '../helpers/database.js';
import { RecoveryRuns, withoutPassword } from '../helpers/recovery-runs.js';

const program = airflowProgram();
const whereThereIsAirflow = program === null ? describe.skip : describe;

/* A real Airflow 3 with a DAG of five tasks that writes without transactions. */
whereThereIsAirflow('a DAG of Airflow', () => {
  let database: TestDatabase;
  let warehouse: StrikesWarehouse;
  let airflow: Airflow;
  let recovery: RecoveryRuns;

  beforeAll(async () => {
    database = await createTestDatabase('airflow');
    warehouse = new StrikesWarehouse(database.url);
    await warehouse.reset();
    airflow = await Airflow.start(program ?? '', database.url);
    const { address, password } = withoutPassword(database.url);
    const postgres = { address, ...(password ? { password: 'strikes-password' } : {}) };
    const target = (bearer: string) => ({
      ...{ kind: 'pipeline', environment: 'test', pipeline: declaration, postgres },
      http: { address: airflow.url, bearer },
    });
    const started = await RecoveryRuns.start({
      targets: { strikes: target('operator-token') },
      secrets: { 'operator-token': await airflow.login(), 'strikes-password': password },
    });
    recovery = new RecoveryRuns(started);
  }, stretched(180_000));
  afterAll(async () => {
    await recovery?.stop();
    await airflow?.stop();
    await database?.drop();
  }, stretched(60_000));
  beforeEach(() => warehouse.reset());

  async function failed(fault?: Fault): Promise<string> {
    if (fault) await warehouse.fail(fault);
    const run = await airflow.trigger('strikes');
    expect(await airflow.ended('strikes', run)).toBe('failed');
    return run;
  }

  async function recovered(): Promise<{ view: RunView; evidence: Record<string, unknown> }> {
    const handle = await recovery.run();
    const { evidence } = await recovery.gate(handle);
    await recovery.decide(handle);
    const view = await recovery.ended(handle);
    expect(view.problem).toBeNull();
    expect(view.state).toBe('succeeded');
    return { view, evidence };
  }

  test(
    'whose task was killed in the middle of a chunk ends exactly right',
    async () => {
      const run = await failed({ step: 'named', chunk: 4, rows: 60, kind: 'kill' });
      const { evidence } = await recovered();
      expect(evidence).toMatchObject({
        'failed job': run,
        'failed stage': 'named',
        error: expect.stringMatching(/^task name: Process terminated by signal/),
        'tasks that are cleared':
          '3: name (failed), book (upstream_failed), summarise (upstream_failed)',
        'version of the DAG': '1, the newest',
      });
      expect(await warehouse.found()).toEqual(warehouse.truth());
    },
    stretched(120_000),
  );
});
