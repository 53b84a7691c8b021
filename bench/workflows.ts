import { ActivityCancellationType, proxyActivities } from '@temporalio/workflow';
import type { Run } from '../workflows/engine/run.js';
import { runbook } from '../workflows/engine/runbook.js';
import { benchGateSpec, benchStepsSpec } from './specs.js';

export { launch } from '../workflows/launch.js';

const { bareProcess } = proxyActivities<{ bareProcess(): Promise<void> }>({
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  startToCloseTimeout: '1m',
});

/** What the platform alone costs: a plain activity that runs the process. */
export async function bareSteps(count: number): Promise<void> {
  for (let done = 0; done < count; done += 1) await bareProcess();
}

const work = { action: { kind: 'command', argv: ['/usr/bin/true'] } } as const;

async function benchSteps(run: Run): Promise<void> {
  for (let done = 0; done < Number(run.inputs['count']); done += 1) await run.step('work', work);
}

async function benchGate(run: Run): Promise<void> {
  await run.gate('gate', { evidence: {}, covers: {} });
  await run.step('after', work);
}

const steps = runbook(benchStepsSpec, benchSteps);
const gate = runbook(benchGateSpec, benchGate);
export { steps as 'bench-steps', gate as 'bench-gate' };
