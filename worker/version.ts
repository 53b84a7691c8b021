import { createHash } from 'node:crypto';
import type { WorkerDeploymentVersion } from '@temporalio/common';
import { deploymentOf } from '../common/deployment.js';
import type { WorkflowBundle } from './bundle.js';

/**
 * The version that workers of this bundle are; undefined for a bundle without a build id, whose
 * workers are unversioned.
 */
export function versionOf(
  bundle: WorkflowBundle,
  taskQueue: string,
): WorkerDeploymentVersion | undefined {
  return bundle.buildId === undefined
    ? undefined
    : { deploymentName: deploymentOf(taskQueue), buildId: bundle.buildId };
}

/**
 * Names a state of the workflow code: a release that changed nothing of it keeps the build id, and
 * its runs need no move.
 * @param procedure digest of the sources
 * @param sdk release of the SDK, whose code is part of what replays
 */
export function buildIdOf(procedure: string, sdk: string): string {
  return createHash('sha256').update(`${procedure}\0${sdk}`).digest('hex').slice(0, 12);
}
