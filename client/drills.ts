import type { RunbookSpec } from '../language/runbook.js';
import type { DrillRecord } from '../store/index.js';
import { reachedWords } from './report/recovery.js';
import type { Session } from './session.js';
import { age } from './times.js';

const dayMs = 86_400_000;
/** Time-out of the record, in milliseconds, where its answer is only extra information. */
const patienceMs = 1_500;

/** The newest drill of each runbook; null when the record cannot say. */
export async function readDrills(
  session: Session,
): Promise<ReadonlyMap<string, DrillRecord> | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((done) => {
    timer = setTimeout(() => done(null), patienceMs);
  });
  try {
    const asked = async (): Promise<ReadonlyMap<string, DrillRecord> | null> => {
      const pool = await session.record();
      if (!pool) return null;
      const { lastDrills } = await import('../store/index.js');
      return new Map((await lastDrills(pool)).map((drill) => [drill.runbook, drill]));
    };
    const answer = asked().catch(() => null);
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}

export type Drills = Awaited<ReturnType<typeof readDrills>>;

/** A runbook's drills for `--output json`; null when the record is unavailable. */
export function drillFacts(spec: Pick<RunbookSpec, 'id' | 'drillEveryDays'>, drills: Drills) {
  const drill = drills?.get(spec.id);
  return { lastDrill: drill ?? null, drillDue: drills && isDrillDue(spec, drill) };
}

/** Whether the last successful drill is older than the runbook allows. */
export function isDrillDue(
  { drillEveryDays }: Pick<RunbookSpec, 'drillEveryDays'>,
  drill: DrillRecord | undefined,
  now = Date.now(),
): boolean {
  if (drillEveryDays === undefined) return false;
  const wellAt = drill?.wellAt ?? null;
  return wellAt === null || now - Date.parse(wellAt) > drillEveryDays * dayMs;
}

/**
 * How the last drill went, in one line: `5 d ago: well, RTO 4 min 05 s of 4 h, RPO 3.0 s of 15
 * min`.
 */
export function drillWords(
  spec: Pick<RunbookSpec, 'drillEveryDays'>,
  drill: DrillRecord | undefined,
  now = Date.now(),
): string {
  const due = isDrillDue(spec, drill, now) ? `; one is due every ${spec.drillEveryDays} days` : '';
  if (!drill) return `never${due}`;
  const how =
    drill.state === 'succeeded'
      ? drill.recovery?.met === false
        ? 'missed its objective'
        : 'well'
      : drill.state;
  const reached = drill.recovery ? `, ${reachedWords(drill.recovery)}` : '';
  return `${age(drill.endedAt, now)} ago: ${how}${reached} (${drill.run})${due}`;
}
