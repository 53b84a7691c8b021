import { livingNow } from '../worker/deployment/liveness.js';
import { Deployment, type PinnedRun } from '../worker/deployment/server.js';
import type { Session } from './session.js';

/** One version of the workflow code on a task queue. */
export interface Release {
  version: string;
  /** `current` gets new runs; `replaced` did once; `new` never did. */
  state: 'current' | 'replaced' | 'new';
  /** `host:pid` of its live workers. */
  workers: string[];
  /** Open runs that only workers of this version can execute. */
  runs: PinnedRun[];
}

/** The workers of the session's task queue. */
export async function deploymentOfSession(session: Session): Promise<Deployment> {
  const { connection, namespace, taskQueue } = await session.temporal();
  return new Deployment(
    connection.workflowService,
    namespace,
    taskQueue,
    `runbook-cli:${process.pid}`,
  );
}

/**
 * Every version that matters: the current one, and those that have workers or runs. Empty where no
 * worker is versioned.
 */
export async function readReleases(deployment: Deployment): Promise<Release[]> {
  const state = await deployment.state();
  if (!state) return [];
  const runs = new Map<string, PinnedRun[]>();
  for await (const run of deployment.runs())
    runs.set(run.buildId, [...(runs.get(run.buildId) ?? []), run]);
  const living = await livingNow(deployment, [
    ...runs.keys(),
    ...(state.current === null ? [] : [state.current]),
  ]);
  const versions = new Set([...state.versions.keys(), ...runs.keys()]);
  return [...versions]
    .map((version): Release => {
      const replaced = state.versions.get(version)?.wasCurrent ?? true;
      return {
        version,
        state: version === state.current ? 'current' : replaced ? 'replaced' : 'new',
        workers: living.get(version) ?? [],
        runs: runs.get(version) ?? [],
      };
    })
    .filter(
      (release) =>
        release.state === 'current' || release.workers.length > 0 || release.runs.length > 0,
    );
}

/** Open runs that are blocked because no worker of their version is alive. */
export function orphans(releases: readonly Release[]): PinnedRun[] {
  return releases.filter(({ workers }) => workers.length === 0).flatMap(({ runs }) => runs);
}
