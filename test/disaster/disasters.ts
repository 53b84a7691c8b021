import { existsSync, readFileSync } from 'node:fs';
import {
  breakBackup,
  damageSegment,
  dropFile,
  dropSegment,
  walSegments,
  type BackupFault,
} from '../../lab/web-system/sites/vault-faults.js';
import { backupIds } from '../../lab/web-system/sites/backup-file.js';
import { withDatabase } from '../../lab/web-system/sites/database.js';
import type { Comparison } from '../../lab/web-system/sites/compare.js';
import { vaultPlaces } from '../../lab/web-system/sites/site-config.js';
import type { SiteSystem } from '../../lab/web-system/sites/system.js';
import type { RunView } from '../../common/view.js';
import { until } from '../../lab/until.js';
import {
  acknowledgedBefore,
  archivedOf,
  isContent,
  newestOf,
  notAt,
  readArchive,
  type Archive,
} from './archive.js';
import { leaveOut } from './programs.js';
import { DisasterWorld } from './world.js';

/*
 * Disasters at random moments, each on a system of its own, and what has to be true of each.
 */

export const kinds = [
  'at any moment',
  'with a WAL segment missing',
  'in good order',
  'during a base backup',
  'with the newest backup corrupt',
  'with a file missing',
  'while WAL is archived',
  'with a WAL segment damaged',
  'in good order, during a base backup',
  'with every backup corrupt',
] as const;
export type Kind = (typeof kinds)[number];

/** A guard that is off: the restore leaves a segment out, and says so or not. */
export type GuardOff = 'leaves a segment out' | 'leaves a segment out and says that it did not';

/** What was done to the vault, by the names that the report has to use. */
interface Spoiled {
  backups: string[];
  segment: string | null;
  file: string | null;
}

export interface Outcome {
  kind: Kind;
  state: RunView['state'];
  /** What the run says, of what cannot be had and of why it ended. */
  said: string;
  spoiled: Spoiled;
  /** What the vault allowed when the site was gone, and what it allowed when it was spoiled. */
  whole: Archive;
  archive: Archive;
  /** Transactions of the archive that are not at the new site. */
  gone: number;
  /** ISO time of the newest commit that was recovered, as the run says. */
  recoveredTo: string | null;
  rtoMs: number | null;
  rpoMs: { run: number | null; journal: number | null; archive: number | null };
  failedAt: number;
  /** Null when nothing was recovered. */
  found: Comparison | null;
  /** What a run that stopped has changed, in words. */
  touched: string[];
}

const isGraceful = (kind: Kind): boolean => kind.startsWith('in good order');

/** @param random 0 to 1 */
export async function disaster(kind: Kind, random: () => number, off?: GuardOff): Promise<Outcome> {
  const world = await DisasterWorld.start();
  try {
    const { system } = world;
    const users = await world.users();
    // A second base backup, so that there is one to go back to.
    const { id } = await must(system, 'backup');
    const under = kind.endsWith('during a base backup')
      ? system.run('a', 'backup').catch(() => undefined)
      : undefined;
    if (kind.includes('segment') || off) await segmentsAfter(system, String(id), 4);
    await new Promise((go) => setTimeout(go, 200 + random() * 3_000));
    if (isGraceful(kind)) return await moved(world, kind, users);

    const switched =
      kind === 'while WAL is archived' ? await switchedWal(system, random) : undefined;
    const failedAt = await system.destroySite('a');
    await Promise.all([under, switched?.done]);
    const whole = await readArchive(system, []);
    const spoiled = spoil(kind, system, random);
    const archive = await readArchive(system, spoiled.backups);
    if (off)
      leaveOut(
        system,
        'b',
        walSegments(system.vault).at(-3) ?? '',
        off.includes('says') ? newestOf(archive) : null,
      );
    const run = await world.recover({ failed_at: new Date(failedAt).toISOString() });
    const view = await world.approved(run);
    await users.stop();
    const isThere = view.state === 'succeeded';
    return {
      ...outcomeOf(kind, view, { failedAt, spoiled, whole, archive }),
      gone: isThere ? (await notAt(system, 'b', archive)).length : 0,
      ...foundIn(
        isThere ? await system.compare(users.journal, 'b', failedAt) : null,
        view,
        failedAt,
        archive,
      ),
      touched: view.state === 'failed' ? await touched(world) : [],
    };
  } finally {
    await world.stop();
  }
}

/** The old site is drained, and nothing may be lost. */
async function moved(
  world: DisasterWorld,
  kind: Kind,
  users: Awaited<ReturnType<DisasterWorld['users']>>,
): Promise<Outcome> {
  const { system } = world;
  const view = await world.approved(await world.recover({ mode: 'graceful' }));
  await users.stop();
  const failedAt = Date.parse(view.recovery?.failedAt ?? '');
  const archive = await readArchive(system, []);
  return {
    ...outcomeOf(kind, view, {
      failedAt,
      spoiled: { backups: [], segment: null, file: null },
      whole: archive,
      archive,
    }),
    gone: (await notAt(system, 'b', archive)).length,
    ...foundIn(await system.compare(users.journal, 'b'), view, failedAt, null),
    touched: [],
  };
}

function outcomeOf(
  kind: Kind,
  view: RunView,
  known: Pick<Outcome, 'failedAt' | 'spoiled' | 'whole' | 'archive'>,
) {
  const { outputs } = view;
  const said = [
    view.problem?.message,
    outputs['cannotBeHad'],
    outputs['changesLost'],
    outputs['filesLost'],
  ]
    .filter((each) => typeof each === 'string')
    .join('; ');
  const recoveredTo = typeof outputs['recoveredTo'] === 'string' ? outputs['recoveredTo'] : null;
  return {
    kind,
    state: view.state,
    said,
    recoveredTo,
    rtoMs: view.recovery?.rtoMs ?? null,
    ...known,
  };
}

function foundIn(
  found: Comparison | null,
  view: RunView,
  failedAt: number,
  archive: Archive | null,
) {
  const newest = archive && newestOf(archive);
  return {
    found,
    rpoMs: {
      run: view.recovery?.rpoMs ?? null,
      journal: found?.rpoMs ?? null,
      archive: newest === null ? null : Math.max(0, failedAt - Date.parse(newest)),
    },
  };
}

/**
 * Everything that must not be, in words; empty when it ended right. What was in the archive is
 * there, all that is lost is explained, and the report names what is missing, and nothing else.
 */
export function faultsOf(outcome: Outcome): string[] {
  const { kind, state, said, archive, found } = outcome;
  if (state === 'failed') return [...outcome.touched, ...stoppedWrongly(outcome)];
  if (state !== 'succeeded') return [`it is ${state}: ${said}`];
  const faults: string[] = [];
  if (outcome.gone > 0)
    faults.push(`${outcome.gone} transactions that the archive holds are not there`);
  if (found === null || found.wrong.length > 0)
    faults.push(`${found?.wrong.length} writes are not what was written`);
  if (isGraceful(kind)) {
    if (outcome.rpoMs.run !== 0) faults.push(`the run says RPO ${outcome.rpoMs.run} ms`);
    if (said !== '') faults.push(`the run says ${said}`);
    if (found && found.lost.length > 0)
      faults.push(`${found.lost.length} acknowledged writes are lost`);
    return faults;
  }
  const newest = newestOf(archive);
  if (newest !== null && Date.parse(outcome.recoveredTo ?? '') < Date.parse(newest))
    faults.push(`it came to ${outcome.recoveredTo}, and the archive leads to ${newest}`);
  const flattered = acknowledgedBefore(found?.lost ?? [], outcome.recoveredTo ?? '').filter(
    (each) => !isContent(each),
  );
  if (flattered.length > 0)
    faults.push(
      `${flattered.length} writes are lost that were acknowledged before ${outcome.recoveredTo}, which it says it came to`,
    );
  return [...faults, ...unexplained(outcome), ...unnamed(outcome)];
}

function stoppedWrongly({ said, archive, spoiled }: Outcome): string[] {
  const faults = spoiled.backups
    .filter((id) => !said.includes(id))
    .map((id) => `it does not say that backup ${id} is broken`);
  if (archive.backup !== null)
    faults.push(`it stopped, and backup ${archive.backup} leads to ${newestOf(archive)}: ${said}`);
  return faults;
}

/**
 * What the archive holds may be lost only as a file whose content is not in the vault, and then by
 * name.
 */
function unexplained({ said, archive, found }: Outcome): string[] {
  const isNamed = (tenant: string, id: string): boolean =>
    said.includes(`${tenant}/${id}`) || / and \d+ more$/.test(said);
  return archivedOf(found?.lost ?? [], archive)
    .filter((each) => !isContent(each) || !isNamed(each.tenant, each.id))
    .map(
      ({ kind, tenant, id, at, why }) =>
        `${kind} ${tenant}/${id} of ${at} is lost, and nobody says so: ${why}`,
    );
}

/** The report names what is missing where that matters, and accuses nothing that is there. */
function unnamed({ said, spoiled, whole, archive }: Outcome): string[] {
  const faults = spoiled.backups
    .filter((id) => !said.includes(id))
    .map((id) => `it does not say that backup ${id} is broken`);
  const segments = new Set(said.match(/\b[0-9A-F]{24}\b/g) ?? []);
  const { segment, file } = spoiled;
  if (segment !== null && newestOf(whole) !== newestOf(archive) && !segments.has(segment))
    faults.push(`it does not say that segment ${segment} is missing`);
  for (const each of segments)
    if (each !== segment) faults.push(`it says that segment ${each} is missing, which is there`);
  if (file !== null && !said.includes(file))
    faults.push(`it does not say that file ${file} is missing`);
  return faults;
}

/** What a run that stopped may not have changed. */
export async function touched(world: DisasterWorld): Promise<string[]> {
  const { system } = world;
  const { epoch, site } = await system.witness();
  const serving = await world.serving();
  const writer = readFileSync(vaultPlaces(system.vault).writer, 'utf8').trim();
  return [
    ...(epoch === 1 && site === 'a' ? [] : [`the witness is at epoch ${epoch} for ${site}`]),
    ...(existsSync(system.config('b').folder) ? ['there is something at site b'] : []),
    ...(serving.join() === 'a' ? [] : [`users are sent to ${serving.join()}`]),
    ...(writer === 'a 1' ? [] : [`the vault takes the WAL of ${writer}`]),
  ];
}

async function must(system: SiteSystem, verb: string): Promise<Record<string, unknown>> {
  const { exitCode, problem, json } = await system.run('a', verb);
  if (exitCode !== 0 || !json) throw new Error(problem);
  return json;
}

/** Waits until so many segments are archived after a base backup. */
async function segmentsAfter({ vault }: SiteSystem, id: string, count: number): Promise<void> {
  const before = walSegments(vault).length;
  await until(`${count} segments after backup ${id}`, () =>
    Promise.resolve(walSegments(vault).length >= before + count),
  );
}

/** A segment is just being archived. */
async function switchedWal(
  system: SiteSystem,
  random: () => number,
): Promise<{ done: Promise<unknown> }> {
  const done = withDatabase(system.databaseUrl('a'), (client) =>
    client.query('SELECT pg_switch_wal()'),
  ).catch(() => undefined);
  await new Promise((go) => setTimeout(go, random() * 60));
  return { done };
}

function spoil(kind: Kind, system: SiteSystem, random: () => number): Spoiled {
  const { vault } = system;
  const spoiled: Spoiled = { backups: [], segment: null, file: null };
  const corrupt = (id: string): void => {
    const faults: BackupFault[] = ['one byte changed', 'truncated', 'empty'];
    breakBackup(vault, id, faults[Math.floor(random() * faults.length)] ?? 'empty');
    spoiled.backups.push(id);
  };
  if (kind === 'with the newest backup corrupt') corrupt(backupIds(vault)[0] ?? '');
  if (kind === 'with every backup corrupt') backupIds(vault).forEach(corrupt);
  if (kind.includes('segment')) {
    // Not the last one: that something is missing after the end, nobody can know.
    const segment = walSegments(vault).at(-2 - Math.floor(random() * 2)) ?? '';
    (kind.endsWith('missing') ? dropSegment : damageSegment)(vault, segment);
    spoiled.segment = segment;
  }
  if (kind === 'with a file missing') {
    const { tenant, name } = dropFile(vault);
    spoiled.file = `${tenant}/${name}`;
  }
  return spoiled;
}

/** One line of a table. */
export function rowOf({ kind, state, rtoMs, rpoMs, found, gone, said }: Outcome): string {
  const ms = (value: number | null): string => (value === null ? '-' : String(value)).padStart(6);
  const lost = found === null ? '-' : `${found.lost.length} of ${found.acknowledged}`;
  return `${kind.padEnd(36)}${state.padEnd(10)} RTO ${ms(rtoMs)}  RPO by run ${ms(rpoMs.run)}, journal ${ms(rpoMs.journal)}, archive ${ms(rpoMs.archive)}  lost ${lost.padStart(12)}  gone ${gone}  ${said}`;
}
