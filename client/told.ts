import type { RunView } from '../common/view.js';
import { statedName } from '../common/sender.js';
import { bothTimes } from '../common/times.js';
import type { ToldCall } from '../store/index.js';
import { MixedStacks } from './mixed-stacks.js';
import type { Session } from './session.js';

/** Milliseconds that a worker gets to tell of a new wait before it counts as told to nobody. */
export const soonMs = 10_000;

/** What people were told of what the run waits for; empty where the record cannot be read. */
export async function readTold(session: Session, { id, firstRunId }: RunView): Promise<ToldCall[]> {
  try {
    const pool = await session.record();
    const { toldOf } = await import('../store/index.js');
    return pool ? await toldOf(pool, { run: id, firstRunId }) : [];
  } catch (error) {
    if (error instanceof MixedStacks) throw error;
    // Another command says what is wrong with the record.
    return [];
  }
}

/** Who was told of one of these waits, and who has it, one line each. */
export function toldLines(
  told: readonly ToldCall[],
  wait: { id: string; since: string },
  now: number,
): string[] {
  const about = told.filter(({ call }) => call === wait.id);
  const taken = about.find((each) => each.taken !== null)?.taken;
  const isNew = now - Date.parse(wait.since) < soonMs;
  return [
    ...(taken ? [`${statedName(taken.by, taken.sender)} has it since ${bothTimes(taken.at)}`] : []),
    ...about.flatMap(({ channel, toldAt, reminders, failingSince, error }) => {
      if (channel === null) return isNew ? [] : ['told to nobody: no channel is named for it'];
      const times = reminders === 0 ? '' : `, ${reminders} reminder${reminders === 1 ? '' : 's'}`;
      return [
        ...(toldAt === null ? [] : [`told ${channel} at ${bothTimes(toldAt)}${times}`]),
        ...(failingSince === null
          ? []
          : [`${channel} takes no message since ${bothTimes(failingSince)}: ${error ?? ''}`]),
      ];
    }),
  ];
}
