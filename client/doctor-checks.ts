import { homePaths, runbookHome } from '../embedded/home.js';
import { readConnection } from '../embedded/connection.js';
import { type WorkerSigns, workerSilenceMs } from './doctor-workers.js';
import type { Temporal } from './connect.js';
import { explain } from './errors.js';
import type { Session } from './session.js';
import type { Check } from '../common/check.js';
import { checked, failed, ok, question, skipped, warning } from './doctor-check.js';
import {
  backupChecks,
  drillsCheck,
  recordChecks,
  runsChecks,
  stackCheck,
  toldChecks,
  workersChecks,
} from './doctor-record.js';
import { fileChecks } from './doctor-files.js';

const retentionDaysWanted = 90;
const oldestNode: readonly [number, number] = [20, 19];

/** Milliseconds that a worker gets to answer the doctor. */
const workerPatienceMs = 4_000;

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
    ...(await toldChecks(session)),
    await checked(session, 'drills', () => drillsCheck(session)),
    ...fileChecks(session),
    await userInterface(session),
  ];
}

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
      `${current.version} gets new runs, and no worker of it ` +
        `lives${others.length > 0 ? `; there are workers of ${others.join(', ')}` : ''}`,
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
      `${left.length} runs stand still, no worker of their version lives: ` +
        `${named.join(', ')}${left.length > namedRuns ? ' …' : ''}`,
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
      'Where Temporal itself does not answer, begin there. ' +
        'Else set RUNBOOK_UI_URL to where your Temporal UI is.',
    );
  }
}
