import { workflowInfo } from '@temporalio/workflow';

/**
 * Names the code that does the run now: the build id of the worker that has the present workflow
 * task, which is a digest of the workflow code. Temporal keeps it with every task, so a replay by
 * other code sees what was there at the time; no activity could tell, because any release's worker
 * may do it. Empty where the server is told of none.
 */
export function presentRelease(): string {
  const version = workflowInfo().currentDeploymentVersion;
  // Workers that are no version of a deployment have a build id too, and it says which of them took
  // the task: nothing to ask people about.
  return version?.deploymentName ? version.buildId : '';
}
