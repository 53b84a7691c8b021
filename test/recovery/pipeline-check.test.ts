import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { execa } from 'execa';
import type { Check } from '../../common/check.js';
import { declaration } from '../../lab/strikes/declaration.js';
import { StrikesService } from '../../lab/strikes/service.js';
import { programFolder } from '../../worker/config.js';
import { asAdmin, createTestDatabase, type TestDatabase } from '../helpers/database.js';
import { databaseAccess, RecoveryRuns } from '../helpers/recovery-runs.js';

const main = join(programFolder, 'client', 'main.js');
const reader = `reader_${process.pid}`;

/** The declaration with new values, by their dotted paths. */
function changed(change: Readonly<Record<string, unknown>>): object {
  const copy = structuredClone(declaration) as object;
  for (const [path, value] of Object.entries(change)) {
    const names = path.split('.');
    const last = names.pop() ?? '';
    const place = names.reduce<object>((each, name) => each[name as keyof object], copy);
    (place as Record<string, unknown>)[last] = value;
  }
  return copy;
}

/* What is declared is proved on the workers, before anything runs. */
describe('doctor of a pipeline', () => {
  let database: TestDatabase;
  let strikes: StrikesService;
  let recovery: RecoveryRuns;

  beforeAll(async () => {
    database = await createTestDatabase('strikes');
    strikes = await StrikesService.start({ databaseUrl: database.url, rows: 400, chunk: 100 });
    const { postgres, password } = databaseAccess(database.url, 'strikes-password');
    await asAdmin((client) => client.query(`CREATE ROLE ${reader} LOGIN PASSWORD 'looks-only'`));
    await strikes.query(
      `GRANT USAGE ON SCHEMA wildlife, safe TO ${reader}; GRANT SELECT ON ALL TABLES IN SCHEMA wildlife, safe TO ${reader}`,
    );
    const asReader = new URL(postgres.address);
    asReader.username = reader;
    const target = (pipeline: object, bearer = 'strikes-token') => ({
      ...{ kind: 'pipeline', environment: 'test', pipeline },
      http: { address: strikes.url, bearer },
      postgres,
    });
    const started = await RecoveryRuns.start({
      targets: {
        strikes: target(declaration),
        'no-table': target(changed({ 'data.stages.1.table': 'wildlife.name' })),
        'no-column': target(changed({ 'data.stages.1.measures': { cost: 'cost', speed: 'sped' } })),
        'no-number': target(
          changed({ 'data.stages.0.measures': { cost: 'Species', speed: 'Speed (kn)' } }),
        ),
        'no-batch': target(changed({ 'data.stages.1.batch': 'report' })),
        'no-quarantine': target(changed({ 'data.quarantine.rows': 'safe.kept' })),
        'no-field': target(changed({ 'run.http.status.status': 'state' })),
        'no-word': target(changed({ 'run.http.states.failed': ['FAILED'] })),
        'no-token': target(declaration, 'wrong-token'),
        'no-rights': {
          ...target(declaration),
          postgres: { address: asReader.href, password: 'reader-password' },
        },
        'no-pipeline': { kind: 'pipeline', environment: 'test' },
      },
      secrets: {
        'strikes-token': strikes.token,
        'strikes-password': password,
        'reader-password': 'looks-only',
        'wrong-token': 'wrong',
      },
    });
    recovery = new RecoveryRuns(started);
    await strikes.brokenRun({ cutAt: { step: 'named', chunk: 2, rows: 40 } });
    await strikes.query(
      `GRANT USAGE ON SCHEMA wildlife, safe TO ${reader}; GRANT SELECT ON ALL TABLES IN SCHEMA wildlife, safe TO ${reader}`,
    );
  }, 60_000);
  afterAll(async () => {
    await recovery?.stop();
    await strikes?.stop();
    await database?.drop();
    await asAdmin((client) => client.query(`DROP ROLE IF EXISTS ${reader}`));
  });

  async function dump(): Promise<unknown[]> {
    const tables = ['"Strikes"', 'named', '"Report Lines"', '"Done"', '"Skip"', 'left_out'];
    return strikes.query(
      `${tables.map((table) => `SELECT '${table}' AS t, x::text AS row FROM wildlife.${table} x`).join(' UNION ALL ')} ORDER BY 1, 2`,
    );
  }

  /** `runbook doctor`, as an operator types it. */
  async function doctor(
    target: string,
    ...flags: string[]
  ): Promise<{ exitCode: number | undefined; stdout: string; stderr: string }> {
    const { exitCode, stdout, stderr } = await execa(
      process.execPath,
      [main, 'doctor', target, ...flags, '--task-queue', recovery.env['RUNBOOK_TASK_QUEUE'] ?? ''],
      { env: { ...recovery.env, RUNBOOK_HOME: '/nonexistent' }, reject: false },
    );
    return { exitCode, stdout, stderr };
  }

  test('a name that is no pipeline: what was typed is named, and not the input behind it', async () => {
    const { stdout, stderr, exitCode } = await doctor('strike');
    expect([exitCode, stdout]).toEqual([2, '']);
    expect(stderr).toContain('Nothing was looked at: the workers know no pipeline "strike".');
    expect(stderr).toContain('Targets of kind pipeline: strikes, ');
    expect(stderr).not.toContain('input');
  });

  test('a right declaration: what is there, what the data is like, what can be proved and what not', async () => {
    const before = await dump();
    const { stdout, exitCode } = await doctor('strikes', '--output', 'json');
    const { checks, ok } = JSON.parse(stdout) as { checks: Check[]; ok: boolean };
    expect([exitCode, ok]).toEqual([0, true]);
    const told = Object.fromEntries(
      checks.map(({ name, state, found }) => [name, { state, found }]),
    );
    expect(told).toMatchObject({
      tables: { state: 'ok', found: expect.stringContaining('wildlife.Report Lines') },
      jobs: { state: 'ok', found: '1; the newest is 1, failed' },
      'job status': {
        state: 'ok',
        found: expect.stringMatching(/^job 1 is failed in stage named, and says DATABASE: /),
      },
      'proof of received': { state: 'ok', found: '2 checkpoints, the newest of 100 rows' },
      'proof of named': {
        state: 'warning',
        found: expect.stringContaining('rows that no checkpoint claims'),
      },
      'can be proved': {
        found: expect.stringContaining(
          'stage booked: rows, sums of cost, speed, no key twice, every key of named arrived',
        ),
      },
      'cannot be proved': { found: expect.stringContaining('no `checksum` is declared') },
      'cannot be done': { found: expect.stringContaining('does not validate data') },
    });
    expect(await dump()).toEqual(before);
  });

  test.each([
    ['no-table', 'stage named', 'there is no table wildlife.name; is it named?'],
    ['no-column', 'stage named', 'wildlife.named has no column sped; is it speed?'],
    [
      'no-number',
      'stage received',
      'column Species of wildlife.Report Lines is text, and a measure is a number',
    ],
    [
      'no-batch',
      'stage named',
      'column report of wildlife.named is text, and the number of a batch is a whole number',
    ],
    ['no-quarantine', 'quarantine.rows', 'there is no table safe.kept'],
    ['no-rights', 'checkpoints', `${reader} may not INSERT, DELETE on wildlife.Done`],
    ['no-token', 'jobs', 'answered 401: who are you?'],
    ['no-field', 'job status', 'the state of job 1 is not known: nothing tells it'],
    ['no-word', 'jobs', 'job 1 is in state "BROKEN", which the pipeline does not declare'],
  ])('%s: told with what to do, and nothing is changed', async (target, name, said) => {
    const before = await dump();
    const { stdout, exitCode } = await doctor(target, '--output', 'json');
    const { checks } = JSON.parse(stdout) as { checks: Check[] };
    const check = checks.find((each) => each.name === name);
    expect(check?.found).toContain(said);
    expect([check?.state, exitCode, check?.fix !== null]).toEqual(['failed', 1, true]);
    expect(await dump()).toEqual(before);
  });

  test('what mends the data is not said where nobody has told the jobs', async () => {
    const { stdout } = await doctor('no-token', '--output', 'json');
    const { checks } = JSON.parse(stdout) as { checks: Check[] };
    expect(checks.find(({ name }) => name === 'proof of named')).toMatchObject({
      state: 'warning',
      fix: expect.stringContaining('depends on the jobs, which were not told'),
    });
  });

  test.each([
    'no-table',
    'no-column',
    'no-number',
    'no-batch',
    'no-quarantine',
    'no-rights',
    'no-pipeline',
  ])('%s: a recovery says so in one paragraph, before its gate', async (pipeline) => {
    const before = await dump();
    const view = await recovery.ended(await recovery.run({ pipeline }));
    expect(view.state).toBe('failed');
    expect(view.problem?.message.split('\n')).toHaveLength(1);
    expect(view.problem?.next).toContain('Nothing was changed');
    expect(view.decisions).toEqual([]);
    expect(await dump()).toEqual(before);
  });

  test('in words, for a person', async () => {
    const { stdout } = await doctor('no-quarantine');
    expect(stdout).toContain('fix: CREATE TABLE "safe"."kept"');
    const plan = await execa(
      process.execPath,
      [
        ...[main, 'plan', 'pipeline-recovery', '--input', 'pipeline=strikes'],
        ...['--task-queue', recovery.env['RUNBOOK_TASK_QUEUE'] ?? ''],
      ],
      { env: { ...recovery.env, RUNBOOK_HOME: '/nonexistent', COLUMNS: '200' } },
    );
    expect(plan.stdout).toMatch(/cannot be done +The job API does not validate data/);
    expect(plan.stdout).toContain('received (wildlife.Report Lines) > named (wildlife.named)');
    const none = await doctor('nothing');
    expect(none.exitCode).toBe(2);
    expect(none.stderr).toContain('Nothing was looked at');
  });
});
