import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { StartEnvelope } from '../common/envelope.js';
import type { WorkerReport } from '../store/index.js';
import { parseSecrets } from '../language/secrets-file.js';
import { parseTargets } from '../language/targets-file.js';
import { homePaths, runbookHome } from '../embedded/home.js';
import { readConnection } from '../embedded/connection.js';
import { skewMs, workerChecks, workerSilenceMs, type WorkerSigns } from './doctor-workers.js';
import type { Temporal } from './connect.js';
import { explain, hostOf } from './errors.js';
import type { Session } from './session.js';

export interface Check {
  name: string;
  state: 'ok' | 'warning' | 'failed' | 'skipped';
  /** What was found. */
  found: string;
  /** What to do; null when there is nothing to do. */
  fix: string | null;
}

const retentionDaysWanted = 90;
const oldestNode: readonly [number, number] = [20, 19];

/** Milliseconds that a worker gets to answer the doctor. */
const workerPatienceMs = 4_000;
/** A plan request that every worker answers and that starts nothing: there is no such runbook. */
const question: StartEnvelope = {
  version: 1,
  id: 'doctor',
  verb: 'plan',
  run: 'doctor',
  runbook: 'doctor',
  inputs: {},
  by: 'doctor',
  reason: '',
};

/** Checks everything that a run depends on, by using it; changes nothing. */
export async function runChecks(session: Session): Promise<Check[]> {
  return [
    nodeVersion(),
    devConnection(session),
    ...(await temporalChecks(session)),
    ...(await recordChecks(session)),
    await stackCheck(session),
    ...(await workersChecks(session)),
    ...(await backupChecks(session)),
    ...(await runsChecks(session)),
    await toldCheck(session),
    await checked(session, 'drills', () => drillsCheck(session)),
    ...fileChecks(session),
    await userInterface(session),
  ];
}

const ok = (name: string, found: string): Check => ({ name, state: 'ok', found, fix: null });
const failed = (name: string, found: string, fix: string): Check => ({
  name,
  state: 'failed',
  found,
  fix,
});
const warning = (name: string, found: string, fix: string): Check => ({
  name,
  state: 'warning',
  found,
  fix,
});
const skipped = (name: string, found: string): Check => ({
  name,
  state: 'skipped',
  found,
  fix: null,
});

function nodeVersion(): Check {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const good = major > oldestNode[0] || (major === oldestNode[0] && minor >= oldestNode[1]);
  const name = 'node';
  return good
    ? ok(name, process.versions.node)
    : failed(name, process.versions.node, `Install Node ${oldestNode.join('.')} or newer.`);
}

function devConnection({ io, command }: Session): Check {
  const name = 'dev';
  const home = runbookHome(io.env);
  const found = readConnection(home);
  if (!found) return skipped(name, 'runbook dev does not run here');
  if (found.alive) return ok(name, `runs since ${found.connection.startedAt}`);
  return warning(
    name,
    `${homePaths(home).connection} was left by a dev that was killed`,
    `It is ignored; ${command} dev puts it right.`,
  );
}

async function temporalChecks(session: Session): Promise<Check[]> {
  const { command } = session;
  const rest = ['namespace', 'retention', 'search attributes', 'worker', 'versions'];
  try {
    const temporal = await session.temporal();
    const { serverVersion } = await temporal.within(4_000, () =>
      temporal.connection.workflowService.getSystemInfo({}),
    );
    const reached = ok('temporal', `server ${serverVersion} at ${temporal.address}`);
    const { missingSearchAttributes, retentionDays } = await import('./namespace.js');
    const { previewPlan } = await import('./preview-plan.js');
    const namespace = await checked(session, 'namespace', async () => {
      await retentionDays(temporal);
      return ok('namespace', temporal.namespace);
    });
    if (namespace.state !== 'ok')
      return [
        reached,
        namespace,
        ...rest.slice(1).map((name) => skipped(name, 'needs the namespace')),
      ];
    return [
      reached,
      namespace,
      await checked(session, 'retention', async () => {
        const days = await retentionDays(temporal);
        if (days >= retentionDaysWanted) return ok('retention', `${days} days`);
        return warning(
          'retention',
          `${days} days; after that only the record tells of a run`,
          `${command} setup makes it ${retentionDaysWanted} days.`,
        );
      }),
      await checked(session, 'search attributes', async () => {
        const missing = await missingSearchAttributes(temporal);
        if (missing.length === 0) return ok('search attributes', 'all registered');
        return failed('search attributes', `missing: ${missing.join(', ')}`, `${command} setup`);
      }),
      await checked(session, 'worker', async () => {
        // The server lists a dead worker for some minutes more: only an answer proves that one
        // lives.
        await previewPlan(session, question, workerPatienceMs);
        const { workersCheck } = await import('./doctor-workers.js');
        return workersCheck(temporal.taskQueue, await signsOfWorkers(session, temporal));
      }),
      await checked(session, 'versions', () => versionsCheck(session)),
    ];
  } catch (error) {
    const explained = explain(error, { ...session.context, inDoctor: true });
    return [
      failed('temporal', explained.message, explained.next),
      ...rest.map((name) => skipped(name, 'needs Temporal')),
    ];
  }
}

/** All that tells whether the workers of the queue live, from Temporal and from the record. */
async function signsOfWorkers(session: Session, temporal: Temporal): Promise<WorkerSigns> {
  const { workersOf } = await import('./workers.js');
  const { deploymentOfSession } = await import('./releases.js');
  const { recentWorkers } = await import('../store/index.js');
  const deployment = await deploymentOfSession(session);
  const [polls, beats, reports] = await Promise.all([
    workersOf(temporal),
    deployment.signs().then(
      ({ workers, sparseMs }) => (sparseMs === null ? workers : []),
      () => [],
    ),
    session
      .needRecord()
      .then((pool) => recentWorkers(pool, workerSilenceMs))
      .catch(() => []),
  ]);
  return { polls, beats, reports };
}

/** How many runs a check names before it only counts. */
const namedRuns = 5;

/** Checks that every version of the code that runs need has a live worker. */
async function versionsCheck(session: Session): Promise<Check> {
  const name = 'versions';
  const { deploymentOfSession, orphans, readReleases } = await import('./releases.js');
  const releases = await readReleases(await deploymentOfSession(session));
  const current = releases.find(({ state }) => state === 'current');
  if (current?.workers.length === 0) {
    const others = releases
      .filter(({ workers }) => workers.length > 0)
      .map(({ version }) => version);
    return failed(
      name,
      `${current.version} gets new runs, and no worker of it lives${others.length > 0 ? `; there are workers of ${others.join(', ')}` : ''}`,
      others.length > 0
        ? `${session.command} deployment --use ${others[0]}`
        : `Start a worker of that release.`,
    );
  }
  const left = orphans(releases);
  if (left.length > 0) {
    // Only a warning: containers use doctor as health check, and restarting a worker would not help
    // these runs.
    const named = left.slice(0, namedRuns).map(({ id, buildId }) => `${id} (${buildId})`);
    return warning(
      name,
      `${left.length} runs stand still, no worker of their version lives: ${named.join(', ')}${left.length > namedRuns ? ' …' : ''}`,
      `${session.command} adopt moves what fits this release, and says why the rest does not.`,
    );
  }
  if (releases.length === 0) return ok(name, 'no worker is versioned');
  return ok(
    name,
    releases
      .map(
        ({ version, state, runs, workers }) =>
          `${version} ${state}: ${workers.length} workers, ${runs.length} runs`,
      )
      .join('; '),
  );
}

async function recordChecks(session: Session): Promise<Check[]> {
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
async function stackCheck(session: Session): Promise<Check> {
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
async function workersChecks(session: Session): Promise<Check[]> {
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
async function backupChecks(session: Session): Promise<Check[]> {
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
async function runsChecks(session: Session): Promise<Check[]> {
  try {
    const { checkRuns } = await import('./doctor-runs.js');
    return await checkRuns(session);
  } catch {
    return ['stuck runs', 'unserved runs', 'paused runs', 'terminated runs', 'watch'].map((name) =>
      skipped(name, 'needs Temporal and PostgreSQL'),
    );
  }
}

/** Checks that people hear of what runs wait for; other checks report errors of the record. */
async function toldCheck(session: Session): Promise<Check> {
  const { messagesCheck } = await import('./doctor-messages.js');
  return messagesCheck(session).catch(() => skipped('people told', 'needs PostgreSQL'));
}

/** Checks that every runbook with `drillEveryDays` was drilled in time. */
async function drillsCheck(session: Session): Promise<Check> {
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

/** Checks the files that a worker here would read. The command line does not need them. */
function fileChecks({ io, command }: Session): Check[] {
  const targets = resolve(io.env['RUNBOOK_TARGETS'] || 'targets.yaml');
  const secrets = resolve(io.env['RUNBOOK_SECRETS'] || 'secrets.yaml');
  return [
    fileCheck({ name: 'targets', path: targets, setting: 'RUNBOOK_TARGETS', command }, (text) => {
      const count = parseTargets(text, targets).length;
      return count > 0
        ? ok('targets', `${count} in ${targets}`)
        : warning(
            'targets',
            `none in ${targets}`,
            'Declare what runbooks act on: docs/targets-and-secrets.md',
          );
    }),
    fileCheck({ name: 'secrets', path: secrets, setting: 'RUNBOOK_SECRETS', command }, (text) =>
      ok('secrets', `${parseSecrets(text, secrets).length} named in ${secrets}`),
    ),
    ...(existsSync(secrets) ? [secretsMode(secrets), secretValues(secrets, io.env)] : []),
  ];
}

function fileCheck(
  {
    name,
    path,
    setting,
    command,
  }: { name: string; path: string; setting: string; command: string },
  read: (text: string) => Check,
): Check {
  if (!existsSync(path))
    return skipped(name, `no ${path} here; needed where a worker runs (${setting})`);
  try {
    return read(readFileSync(path, 'utf8'));
  } catch (error) {
    const { message, next } = explain(error, { command, inDoctor: true });
    return failed(name, message, next || 'Correct the file.');
  }
}

function secretsMode(path: string): Check {
  const name = 'secrets mode';
  const mode = (statSync(path).mode & 0o777).toString(8);
  return (statSync(path).mode & 0o077) === 0
    ? ok(name, mode)
    : warning(name, `${path} can be read by others (${mode})`, `chmod 600 ${path}`);
}

/** Checks that the providers on this machine have their secrets; reads no value. */
function secretValues(path: string, env: NodeJS.ProcessEnv): Check {
  const name = 'secret values';
  try {
    const missing = parseSecrets(readFileSync(path, 'utf8'), path).filter(({ from }) => {
      const [provider, where] = [
        from.slice(0, from.indexOf(':')),
        from.slice(from.indexOf(':') + 1),
      ];
      return provider === 'env' ? !env[where] : !existsSync(resolve(dirname(path), where));
    });
    if (missing.length === 0) return ok(name, 'all there');
    return warning(
      name,
      `not here: ${missing.map((secret) => `${secret.name} (${secret.from})`).join(', ')}`,
      'Set the variable or write the file where the worker runs; only there it is needed.',
    );
  } catch {
    return skipped(name, 'needs secrets.yaml');
  }
}

async function userInterface({ uiUrl }: Session): Promise<Check> {
  const name = 'temporal ui';
  try {
    const answer = await fetch(uiUrl, { signal: AbortSignal.timeout(3_000), redirect: 'manual' });
    await answer.body?.cancel();
    return answer.status < 500
      ? ok(name, uiUrl)
      : warning(name, `${uiUrl} answers ${answer.status}`, 'Look at the log of the UI.');
  } catch {
    return warning(
      name,
      `nobody answers at ${uiUrl}`,
      'Where Temporal itself does not answer, begin there. Else set RUNBOOK_UI_URL to where your Temporal UI is.',
    );
  }
}

async function checked(
  session: Session,
  name: string,
  check: () => Promise<Check>,
): Promise<Check> {
  try {
    return await check();
  } catch (error) {
    const { message, next } = explain(error, { ...session.context, inDoctor: true });
    return failed(name, message, next);
  }
}
