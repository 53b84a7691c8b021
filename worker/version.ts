import { createHash } from 'node:crypto';
import type { WorkerDeploymentVersion } from '@temporalio/common';
import { deploymentOf } from '../common/deployment.js';

/**
 * The version of workers of a bundle; undefined for a bundle without a build id, whose workers
 * are unversioned.
 */
export function versionOf(
  { buildId }: { buildId?: string },
  taskQueue: string,
): WorkerDeploymentVersion | undefined {
  return buildId === undefined ? undefined : { deploymentName: deploymentOf(taskQueue), buildId };
}

/**
 * Identifies the workflow code: a release that does not change it keeps the build id, and its runs
 * need no move.
 * @param procedure digest of the sources
 * @param sdk release of the SDK, whose code also affects replay
 */
export function buildIdOf(procedure: string, sdk: string): string {
  return createHash('sha256').update(`${procedure}\0${sdk}`).digest('hex').slice(0, 12);
}
