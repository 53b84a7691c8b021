import type { WorkerReport } from '../store/index.js';
import { skewMs, workerChecks, workerSilenceMs } from './doctor-workers.js';
import { hostOf } from './errors.js';
import type { Session } from './session.js';
import type { Check } from '../common/check.js';
import { checked, failed, ok, skipped, warning } from './doctor-check.js';

export async function recordChecks(session: Session): Promise<Check[]> {
  const { command, databaseUrl } = session;
  const needs = (why: string): Check[] => ['schema', 'clock'].map((name) => skipped(name, why));
  if (databaseUrl === null) {
    return [
      failed(
        'postgres',
        'the address of the record is not configured',
        `Set RUNBOOK_DATABASE_URL, or start ${command} dev.`,
      ),
      ...needs('needs PostgreSQL'),
    ];
  }
  const reached = await checked(session, 'postgres', async () => {
    const pool = await session.needRecord();
    const { rows } = await pool.query<{ version: string }>(
      "SELECT current_setting('server_version') AS version",
    );
    return ok('postgres', `${rows[0]?.version ?? ''} at ${hostOf(databaseUrl)}`);
  });
  if (reached.state !== 'ok') return [reached, ...needs('needs PostgreSQL')];
  return [
    reached,
    await checked(session, 'schema', async () => {
      const { checkSchema } = await import('../store/index.js');
      const { ok: good, message } = await checkSchema(await session.needRecord());
      return good ? ok('schema', message) : failed('schema', message, `${command} setup`);
    }),
    await checked(session, 'clock', async () => {
      const pool = await session.needRecord();
      const asked = Date.now();
      const { rows } = await pool.query<{ ms: number }>(
        'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS ms',
      );
      const skew = Math.round(Math.abs((rows[0]?.ms ?? 0) - (asked + Date.now()) / 2));
      if (skew < skewMs) return ok('clock', `${skew} ms from PostgreSQL's`);
      return warning(
        'clock',
        `${skew} ms from PostgreSQL's`,
        'Let NTP set the clocks of both machines.',
      );
    }),
  ];
}

/** Whether Temporal and the record are those of one stack; other checks report what is away. */
export async function stackCheck(session: Session): Promise<Check> {
  const name = 'stack';
  const { mixedFix, mixedWords, otherNamespace } = await import('./stack.js');
  try {
    const temporal = await session.temporal();
    const other = await otherNamespace(temporal, await session.needRecord());
    if (!other) return ok(name, 'Temporal and the record belong together');
    return failed(name, `two are mixed: ${mixedWords(temporal, other)}`, mixedFix);
  } catch {
    return skipped(name, 'needs Temporal and PostgreSQL');
  }
}

/** Checks the workers' own reports. Other checks report errors of the record. */
export async function workersChecks(session: Session): Promise<Check[]> {
  const { recentWorkers } = await import('../store/index.js');
  const workers = await session
    .needRecord()
    .then((pool) => recentWorkers(pool, workerSilenceMs))
    .catch(() => null);
  if (workers === null) return [];
  return [...workerChecks(workers), await libraryCheck(session, workers)];
}

/** Whether this machine and the workers have the same runbooks, and which files have mistakes. */
function libraryCheck(session: Session, workers: readonly WorkerReport[]): Promise<Check> {
  return checked(session, 'library', async () => {
    const { readCatalogue } = await import('./catalogue.js');
    const { compareLibraries } = await import('./compare-library.js');
    return compareLibraries(await readCatalogue(session.io.env), workers);
  });
}

/** The backup that `dev` keeps of the record, where it keeps one. */
export async function backupChecks(session: Session): Promise<Check[]> {
  const { backupState } = await import('../store/index.js');
  const state = await session
    .needRecord()
    .then(backupState)
    .catch(() => null);
  if (state === null) return [];
  if (state.follows && state.isWaitedFor) return [ok('backup', 'has every change of the record')];
  return [
    warning(
      'backup',
      state.follows
        ? 'it is behind, and the record goes on without waiting for it'
        : 'it has stopped, and the record goes on without',
      'Look at what dev prints, and at the folder of --backup-to: is it there, and is there room?',
    ),
  ];
}

/**
 * Finds stuck runs. Needs both Temporal and the record; other checks report errors of these.
 */
export async function runsChecks(session: Session): Promise<Check[]> {
  try {
    const { checkRuns } = await import('./doctor-runs.js');
    return await checkRuns(session);
  } catch {
    return ['stuck runs', 'unserved runs', 'paused runs', 'terminated runs', 'watch'].map((name) =>
      skipped(name, 'needs Temporal and PostgreSQL'),
    );
  }
}

/**
 * Which runs wait for people, and whether these hear of it; other checks report errors of the
 * record.
 */
export async function toldChecks(session: Session): Promise<Check[]> {
  const { messagesCheck, waitingCheck } = await import('./doctor-messages.js');
  const without = (name: string) => () => skipped(name, 'needs PostgreSQL');
  return Promise.all([
    waitingCheck(session).catch(without('waiting runs')),
    messagesCheck(session).catch(without('people told')),
  ]);
}

/** Checks that every runbook with `drillEveryDays` was drilled in time. */
export async function drillsCheck(session: Session): Promise<Check> {
  const { drillWords, isDrillDue, readDrills } = await import('./drills.js');
  const { knownRunbooks } = await import('./catalogue.js');
  const catalogue = await knownRunbooks(session.io.env);
  const drills = await readDrills(session);
  if (!drills) return skipped('drills', 'needs PostgreSQL');
  const due = catalogue.filter((spec) => isDrillDue(spec, drills.get(spec.id)));
  if (due.length === 0) return ok('drills', 'none is due');
  return warning(
    'drills',
    due.map((spec) => `${spec.id}: ${drillWords(spec, drills.get(spec.id))}`).join('; '),
    `${session.command} start RUNBOOK --drill on an isolated target`,
  );
}
