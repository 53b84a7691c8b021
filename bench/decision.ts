import { randomUUID } from 'node:crypto';
import type { DecisionEnvelope } from '../common/envelope.js';
import { messageNames } from '../common/defaults.js';
import type { RunView } from '../common/view.js';
import { until } from '../lab/until.js';
import type { Bench } from './engine.js';

/**
 * Milliseconds from sending an approval until the step behind the gate has begun, by the server's
 * own clock.
 */
export async function decisionToNextStep(bench: Bench, rounds: number): Promise<number[]> {
  const measured: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const handle = await bench.start('bench-gate', {});
    const gate = await until(
      'the gate',
      async () =>
        (await handle.query<RunView>(messageNames.status).catch(() => undefined))?.waitingFor[0],
      10_000,
      20,
    );
    const decision: DecisionEnvelope = {
      version: 1,
      id: randomUUID(),
      run: handle.workflowId,
      verb: 'approve',
      about: { kind: 'gate', id: gate.id },
      attempt: gate.attempt,
      digest: gate.digest,
      by: 'bench',
      reason: 'measure',
    };
    await handle.signal(messageNames.decide, decision);
    await handle.result();
    const events = (await handle.fetchHistory()).events ?? [];
    const time = (event: (typeof events)[number] | undefined): number =>
      Number(event?.eventTime?.seconds ?? 0) * 1_000 + Number(event?.eventTime?.nanos ?? 0) / 1e6;
    const signalled = events.find((event) => event.workflowExecutionSignaledEventAttributes);
    const begun = events
      .filter((event) => event.activityTaskStartedEventAttributes)
      .find((event) => {
        const scheduled = events.find(
          (each) =>
            String(each.eventId) ===
            String(event.activityTaskStartedEventAttributes?.scheduledEventId),
        );
        return scheduled?.activityTaskScheduledEventAttributes?.activityType?.name === 'command';
      });
    measured.push(time(begun) - time(signalled));
  }
  return measured;
}
