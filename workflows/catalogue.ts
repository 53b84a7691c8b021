import type { RunbookSpec } from '../language/runbook.js';
import { dagFailureRecoverySpec } from './dag-failure-recovery/spec.js';
import { fullSystemDisasterRecoverySpec } from './full-system-disaster-recovery/spec.js';
import { pipelineCheckSpec } from './pipeline-check/spec.js';
import { pipelineRecoverySpec } from './pipeline-recovery/spec.js';
import { zeroDowntimeDeploymentSpec } from './zero-downtime-deployment/spec.js';

/** Every built-in runbook, as data: `runbook list` shows them, admission accepts them. */
export const catalogue: readonly RunbookSpec[] = [
  dagFailureRecoverySpec,
  fullSystemDisasterRecoverySpec,
  pipelineCheckSpec,
  pipelineRecoverySpec,
  zeroDowntimeDeploymentSpec,
];
