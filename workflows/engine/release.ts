import { workflowInfo } from '@temporalio/workflow';

/**
 * Identifies the code that executes the run now: the build id of the worker that has the present
 * workflow task, a digest of the workflow code. Temporal keeps it with every task, so a replay by
 * other code sees the original one. No activity could tell, because any release's worker may do it.
 * Empty where workers are not versioned.
 */
export function presentRelease(): string {
  const version = workflowInfo().currentDeploymentVersion;
  // Unversioned workers have a build id too, but it only says which of them took the task: that is
  // no change of code to ask people about.
  return version?.deploymentName ? version.buildId : '';
}
