import { spawn, type ChildProcess } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import type pg from 'pg';
import { readStrikes, totalsOf, type Totals } from '../strikes/source.js';
import { until } from '../until.js';
import { withClient } from '../with-client.js';

const labProject = join(process.cwd(), 'lab', 'dbt', 'project');
/** Reports of the source that are loaded. */
const reports = 2_000;

/** A dbt project of a dozen models in a folder of its own, and its database. */
export class Warehouse {
  private constructor(
    readonly project: string,
    private readonly program: string,
    private readonly databaseUrl: string,
  ) {}

  static async create(program: string, databaseUrl: string): Promise<Warehouse> {
    const folder = await mkdtemp(join(tmpdir(), 'runbook-dbt-'));
    await cp(labProject, folder, { recursive: true });
    const warehouse = new Warehouse(folder, program, databaseUrl);
    await warehouse.query(
      'CREATE SCHEMA raw; CREATE TABLE raw.reports (report text, airport text, state text, ' +
        'species text, size text, flown text, cost text, speed text)',
    );
    await warehouse.load();
    return warehouse;
  }

  async remove(): Promise<void> {
    await rm(this.project, { recursive: true, force: true });
  }

  /**
   * The source as it should be.
   * @param count of reports; fewer than all are what it was a day before
   */
  async load(count = reports): Promise<void> {
    const rows = readStrikes(count);
    await this.query('TRUNCATE raw.reports');
    await this.query(
      `INSERT INTO raw.reports SELECT r, 'airport ' || (n % 7), 'state ' || (n % 5), s, 'size ' || (n % 3), '1990-01-08', c, k
         FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) WITH ORDINALITY AS each (r, s, c, k, n)`,
      [
        rows.map((row) => row.report),
        rows.map((row) => row.species),
        rows.map((row) => String(row.cost)),
        rows.map((row) => (row.speed === null ? null : String(row.speed))),
      ],
    );
  }

  /** From here on the model `int_named` is built with these settings; without, as the others. */
  async configure(settings: Record<string, string> = {}): Promise<void> {
    const lines = Object.entries(settings).map(([name, value]) => `        +${name}: ${value}\n`);
    const model =
      lines.length === 0 ? '' : `    intermediate:\n      int_named:\n${lines.join('')}`;
    const text = await readFile(join(labProject, 'dbt_project.yml'), 'utf8');
    await writeFile(join(this.project, 'dbt_project.yml'), text + model);
  }

  /** Runs dbt to its end. @returns its exit code */
  async dbt(...args: string[]): Promise<number | null> {
    const [code] = (await once(this.begin(...args), 'exit')) as [number | null];
    return code;
  }

  /** A build that fails in a model, whose cause is then gone. @returns dbt's exit code */
  async failInModel(): Promise<number | null> {
    await this.query(`UPDATE raw.reports SET cost = 'n/a' WHERE report = 'BS-00777'`);
    const code = await this.dbt('build');
    await this.load();
    await this.query(
      `UPDATE strikes.stg_reports s SET cost = r.cost FROM raw.reports r WHERE r.report = s.report;
       UPDATE strikes.int_named s SET cost = r.cost FROM raw.reports r WHERE r.report = s.report`,
    );
    return code;
  }

  /** Ends dbt as a power cut would, in the middle of a model. */
  async killedIn(...args: string[]): Promise<void> {
    const child = this.begin(...args);
    const exited = once(child, 'exit');
    await until('the slow model to be built', async () => (await this.sessions()) > 0, 120_000, 50);
    child.kill('SIGKILL');
    await exited;
  }

  /** Sessions of dbt that build the slow model. */
  async sessions(): Promise<number> {
    const rows = await this.query(
      "SELECT 1 FROM pg_stat_activity WHERE application_name = 'dbt' AND state = 'active' " +
        "AND query LIKE '%pg_sleep%'",
    );
    return rows.length;
  }

  /** What dbt left in the server when it was killed. */
  async endSessions(): Promise<void> {
    await this.query(
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity ' +
        "WHERE application_name = 'dbt' AND datname = current_database()",
    );
    await until('the sessions to end', async () => (await this.sessions()) === 0, 30_000, 50);
  }

  truth(): Totals {
    return totalsOf(readStrikes(reports));
  }

  /** The facts as they are, and what the marts make of them. */
  async found(): Promise<Totals> {
    const [found] = await this.query<Totals & { keys: number }>(
      `SELECT count(*)::int AS rows, sum(cost)::int AS cost, sum(speed)::int AS speed,
              (count(*) - count(DISTINCT report))::int AS twice, count(DISTINCT report)::int AS keys FROM strikes.fct_strikes`,
    );
    const [marts] = await this.query<{ cost: number }>(
      'SELECT sum(cost)::int AS cost FROM strikes.agg_states',
    );
    const { keys = 0, rows = 0, speed = 0, twice = 0 } = found ?? {};
    return { rows, cost: marts?.cost ?? 0, speed, twice, lost: this.truth().rows - keys };
  }

  async query<T extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<T[]> {
    return withClient(this.databaseUrl, async (client) => {
      return (await client.query<T>(text, values)).rows;
    });
  }

  private begin(...args: string[]): ChildProcess {
    const { hostname, port, username, password, pathname } = new URL(this.databaseUrl);
    return spawn(this.program, [...args, '--profiles-dir', this.project], {
      cwd: this.project,
      stdio: 'ignore',
      env: {
        ...process.env,
        ...{ PGHOST: hostname, PGPORT: port || '5432', PGUSER: decodeURIComponent(username) },
        ...{ PGPASSWORD: decodeURIComponent(password), PGDATABASE: pathname.slice(1) },
      },
    });
  }
}
