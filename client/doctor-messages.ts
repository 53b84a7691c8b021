import { utc } from '../common/times.js';
import type { Check } from '../common/check.js';
import { asksPeople } from './needed.js';
import type { Session } from './session.js';
import { soonMs } from './told.js';

const name = 'people told';
/** Runs named in one line. */
const named = 5;
/** Waiting runs that are looked at. */
const looked = 500;

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
      fix:
        'Correct the channel in targets.yaml or secrets.yaml of the workers, or what it leads ' +
        'to. Each message is tried again, at the longest every five minutes.',
    };
  }
  if (untold.length > 0) {
    return {
      ...{ name, state: 'warning' },
      found:
        `nobody was told of ${untold.length} waiting ` +
        `${untold.length === 1 ? 'run' : 'runs'}: ${listed(untold)}`,
      fix:
        `Name a channel: ${session.command} worker --notify NAME, or notify of a target; ` +
        'docs/operating.md, "People are told".',
    };
  }
  return { name, state: 'ok', found: 'of everything that runs wait for', fix: null };
}

/** Which runs wait for people: that is no fault, but whoever looks here may be the one. */
export async function waitingCheck(session: Session): Promise<Check> {
  const { listRuns } = await import('../store/index.js');
  const runs = await listRuns(await session.needRecord(), { waiting: true, limit: looked });
  const each = runs.flatMap(({ id, waitingFor }) => {
    const asked = waitingFor.filter(asksPeople).map((wait) => wait.id);
    return asked.length > 0 ? [`${id} at ${asked.join(', ')}`] : [];
  });
  const found =
    each.length === 0
      ? 'none waits for people'
      : `${each.length} ${each.length === 1 ? 'waits' : 'wait'} for people: ${listed(each)}. ` +
        `See what with: ${session.command} runs --waiting`;
  return { name: 'waiting runs', state: 'ok', found, fix: null };
}

function listed(runs: readonly string[]): string {
  const more = runs.length > named ? [`and ${runs.length - named} more`] : [];
  return [...runs.slice(0, named), ...more].join('; ');
}
