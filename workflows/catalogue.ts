import type { RunbookSpec } from '../language/runbook.js';
import { fullSystemDisasterRecoverySpec } from './full-system-disaster-recovery/spec.js';
import { pipelineRecoverySpec } from './pipeline-recovery/spec.js';
import { zeroDowntimeDeploymentSpec } from './zero-downtime-deployment/spec.js';

/** Every runbook there is, as data; what `runbook list` shows and admission knows. */
export const catalogue: readonly RunbookSpec[] = [
  fullSystemDisasterRecoverySpec,
  pipelineRecoverySpec,
  zeroDowntimeDeploymentSpec,
];
