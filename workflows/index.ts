/*
 * The registered workflow types, nothing else: every function exported here becomes one. A
 * runbook's workflow type is its id.
 */
export { launch } from './launch.js';
export { dagFailureRecovery as 'dag-failure-recovery' } from './dag-failure-recovery/procedure.js';
export { fullSystemDisasterRecovery as 'full-system-disaster-recovery' } from './full-system-disaster-recovery/procedure.js';
export { pipelineCheck as 'pipeline-check' } from './pipeline-check/procedure.js';
export { pipelineRecovery as 'pipeline-recovery' } from './pipeline-recovery/procedure.js';
export { zeroDowntimeDeployment as 'zero-downtime-deployment' } from './zero-downtime-deployment/procedure.js';
// Any other type: a runbook that is data.
export { interpreter as default } from './interpreter/workflow.js';
