/*
 * Temporal's Worker Deployments as we use them: one deployment for each task queue, so that queues
 * are upgraded one by one, and one version of it for each state of the workflow code.
 */

/** Characters that a deployment's name may not have. */
const forbidden = /[^A-Za-z0-9-]/g;

/** The deployment of the workers of a task queue. */
export function deploymentOf(taskQueue: string): string {
  // Encoded, not dropped: two queues must not get the same deployment.
  return taskQueue.replace(forbidden, (character) => `_${character.charCodeAt(0).toString(16)}_`);
}

/** How the visibility store names a version. */
export function versionName({
  deploymentName,
  buildId,
}: {
  deploymentName: string;
  buildId: string;
}): string {
  return `${deploymentName}:${buildId}`;
}
