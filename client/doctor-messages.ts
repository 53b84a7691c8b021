import { utc } from '../common/times.js';
import type { Check } from '../common/check.js';
import type { Session } from './session.js';

const name = 'people told';
/** Runs named in one line. */
const named = 5;
/** Milliseconds that a run may wait before somebody has to know of it. */
const soonMs = 60_000;

/** Whether people hear of what runs wait for. */
export async function messagesCheck(session: Session): Promise<Check> {
  const { failingChannels, untoldRuns } = await import('../store/index.js');
  const pool = await session.needRecord();
  const [failing, untold] = await Promise.all([failingChannels(pool), untoldRuns(pool, soonMs)]);
  if (failing.length > 0) {
    const each = failing.map(
      ({ channel, messages, since, error }) =>
        `${channel} takes no message since ${utc(since)} (${messages} not sent): ${error}`,
    );
    return {
      ...{ name, state: 'warning', found: each.join('; ') },
      fix: 'Correct the channel in targets.yaml or secrets.yaml of the workers, or what it leads to. Each message is tried again, at the longest every five minutes.',
    };
  }
  if (untold.length > 0) {
    return {
      ...{ name, state: 'warning' },
      found: `nobody was told of ${untold.length} waiting ${untold.length === 1 ? 'run' : 'runs'}: ${untold.slice(0, named).join(', ')}${untold.length > named ? ' …' : ''}`,
      fix: `Name a channel: ${session.command} worker --notify NAME, or notify of a target; docs/operating.md, "People are told".`,
    };
  }
  return { name, state: 'ok', found: 'of everything that runs wait for', fix: null };
}
