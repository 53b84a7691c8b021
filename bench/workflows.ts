import { ActivityCancellationType, proxyActivities } from '@temporalio/workflow';

export { launch } from '../workflows/launch.js';
export { interpreter as default } from '../workflows/interpreter/workflow.js';

const { bareProcess } = proxyActivities<{ bareProcess(): Promise<void> }>({
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  startToCloseTimeout: '1m',
});

/** What the platform alone costs: a plain activity that runs the process. */
export async function bareSteps(count: number): Promise<void> {
  for (let done = 0; done < count; done += 1) await bareProcess();
}
