import type { Backups, FilesRestored, Look, Restored } from '../../common/answers.js';
import { microsOf } from '../../language/instant.js';
import type { JsonObject } from '../../language/json.js';
import { ProcedureStopped } from '../engine/outcome.js';
import type { Inputs } from './inputs.js';

/** What the recovery is going to do, and what it is expected to cost. */
export interface Forecast extends JsonObject {
  backup: string;
  systemIdentifier: string;
  /** `latest`, or a time. */
  to: string;
  /** Everything that was committed until then can be recovered. */
  reachable: string;
  /**
   * A change of that time, or of a later one, is in what is restored; null when nothing changed
   * after the backup.
   */
  newest: string | null;
  failedAt: string;
  /** null: unknown. */
  restoreMs: number | null;
  rpoMs: number;
  /** The epoch that the new site gets. */
  epoch: number;
  /** Whether something stands at the new site that has to go first. */
  clear: boolean;
  problems: string[];
}

export interface Found {
  from: Look | null;
  to: Look;
  backups: Backups;
}

/**
 * Decides from what was found which backup recovers to which point, what that costs, and whether
 * the recovery is possible at all.
 * @param now ISO time; taken as the time of failure when that is unknown
 * @throws ProcedureStopped before anything is touched
 */
export function forecast(
  { from, to, backups }: Found,
  inputs: Inputs,
  sites: { from: string; to: string },
  now: string,
): Forecast {
  if (to.site !== sites.to) {
    throw new ProcedureStopped(
      `the target for site ${sites.to} leads to site ${to.site}`,
      'This is the wrong host: correct targets.yaml. Nothing was changed.',
    );
  }
  if (from !== null && from.site !== sites.from) {
    throw new ProcedureStopped(
      `the target for site ${sites.from} leads to site ${from.site}`,
      'This is the wrong host: correct targets.yaml. Nothing was changed.',
    );
  }
  const bad = backups.backups
    .filter(({ good }) => !good)
    .map(({ id, problem }) => `backup ${id}: ${problem ?? 'not good'}`)
    .concat(more(backups.moreBad, 'backups that are not good'));
  const chosen = backups.backups.find(({ id }) => id === backups.chosen);
  if (!chosen || !backups.reachable) {
    throw new ProcedureStopped(
      `no backup can be restored to ${inputs.recoverTo}` +
        (backups.lost === null ? '' : `: ${backups.lost}`) +
        (bad.length > 0 ? ` (${bad.join('; ')})` : ''),
      'Nothing was changed. Look for another copy of the ' +
        'backups, or choose another point with recover_to.',
    );
  }
  if (!backups.config.good) {
    throw new ProcedureStopped(
      'configuration and secrets cannot be restored: ' +
        `${backups.config.problem ?? 'there is no copy'}`,
      'Nothing was changed. Put a good copy where the backups are.',
    );
  }
  if (to.exists && (inputs.remains === 'refuse' || to.isolated)) {
    throw new ProcedureStopped(
      `something stands at site ${sites.to} already (its database: ${to.database})`,
      to.isolated
        ? "Another drill may be under way. When it is not, remove it with the site's program: " +
            '`teardown`. Nothing was changed.'
        : 'Look at it. When it may go, start again with ' +
            '--input remains=remove. Nothing was changed.',
    );
  }
  const held = to.epoch ?? from?.epoch ?? null;
  if (held === null && !to.isolated) {
    throw new ProcedureStopped(
      'the witness cannot be asked which site may write',
      'Without it the old site cannot be kept from taking ' +
        'writes: bring the witness back first. Nothing was changed.',
    );
  }
  const renewedAt = to.isolated ? null : (to.renewedAt ?? from?.renewedAt ?? null);
  const failedAt = inputs.failedAt ?? renewedAt ?? now;
  const reachable =
    inputs.recoverTo === 'latest'
      ? backups.reachable.to
      : earlier(inputs.recoverTo, backups.reachable.to);
  return {
    backup: chosen.id,
    systemIdentifier: chosen.systemIdentifier,
    to: inputs.recoverTo,
    reachable,
    newest: inputs.recoverTo === 'latest' && reachable !== chosen.takenAt ? reachable : null,
    failedAt,
    restoreMs: backups.predicted.restoreMs,
    rpoMs: to.isolated
      ? lossNow(backups, reachable, failedAt)
      : Math.max(0, Date.parse(failedAt) - Date.parse(reachable)),
    // After an earlier recovery that got this far, the new site has the right to write already.
    epoch: held === null ? 0 : to.holder === to.site ? held : held + 1,
    clear: to.exists,
    problems: [
      ...bad,
      ...backups.wal.missing.map(
        (segment) => `WAL segment ${segment} is not there, or not what it was`,
      ),
      ...more(backups.wal.moreMissing, 'such segments'),
      ...(backups.lost === null ? [] : [backups.lost]),
      ...(backups.files.problem === null ? [] : [backups.files.problem]),
    ],
  };
}

/** Counts the rest of a list of which only the first are named. */
function more(count: number | undefined, what: string): string[] {
  return count ? [`and ${count} more ${what}`] : [];
}

/**
 * What would be lost if the system had failed when the backups were checked. Later is too late:
 * while a drill runs, more of what was written after its start is archived, which flatters it.
 */
function lossNow(
  { predicted, reachable: furthest }: Backups,
  reachable: string,
  now: string,
): number {
  const givenUp = Date.parse(furthest?.to ?? reachable) - Date.parse(reachable);
  return Math.max(
    0,
    predicted.rpoMs === null ? Date.parse(now) - Date.parse(reachable) : predicted.rpoMs + givenUp,
  );
}

/** What was restored, compared with the forecast; `short` says in words what is missing. */
export interface Point extends JsonObject {
  lastCommit: string | null;
  systemIdentifier: string;
  lsn: string;
  short: string | null;
}

/** @throws ProcedureStopped when what was restored is another database */
export function checkPoint(
  restored: Restored,
  promised: Forecast,
  drained: { lastCommit: string | null } | null,
): Point {
  if (restored.systemIdentifier !== promised.systemIdentifier) {
    throw new ProcedureStopped(
      'the restored database is another one: its system identifier is ' +
        `${restored.systemIdentifier}, promised was ${promised.systemIdentifier}`,
      'Nobody was let in. See where the backup comes from.',
    );
  }
  const { lastCommit, systemIdentifier, recoveredTo } = restored;
  const least = drained?.lastCommit ?? promised.newest;
  const isShort =
    least !== null && (lastCommit === null || Date.parse(lastCommit) < Date.parse(least));
  const short = isShort
    ? `the newest change is of ${lastCommit ?? 'no time'}, and ${least} was promised`
    : null;
  return { lastCommit, systemIdentifier, lsn: recoveredTo.lsn, short };
}

const named = 20;

/** In words, for the approver and the report; null when every file is there. */
export function filesLost(files: FilesRestored): string | null {
  const missing = files.missingCount ?? files.missing.length;
  const wrong = files.wrongCount ?? files.wrong.length;
  if (missing + wrong === 0) return null;
  const names = [...files.missing, ...files.wrong]
    .slice(0, named)
    // eslint-disable-next-line layers/step-paths -- a file's name
    .map(({ tenant, name }) => `${tenant}/${name}`);
  const more = missing + wrong - names.length;
  return (
    `${missing} missing, ${wrong} not what they were: ` +
    `${names.join(', ')}${more > 0 ? ` and ${more} more` : ''}`
  );
}

function earlier(a: string, b: string): string {
  return microsOf(a) < microsOf(b) ? a : b;
}
