import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseTargets } from '../language/targets-file.js';
import { isRecordAway } from './errors.js';
import { listAllRuns } from './list-runs.js';
import { unknownName } from './nearest.js';
import type { Session } from './session.js';

interface Names {
  runbooks: readonly string[];
  targets: readonly string[];
}

/**
 * Names of runbooks and targets that runs can be asked for: those of the runs that there were, and
 * those that this machine knows.
 */
async function knownNames(session: Session): Promise<Names> {
  const { knownRunbooks } = await import('./catalogue.js');
  const known = await knownRunbooks(session.io.env);
  const { runbooks, targets } = await ofRuns(session);
  return {
    runbooks: unique([...known.map(({ id }) => id), ...runbooks]),
    targets: unique([...targets, ...declaredHere(session.io.env)]),
  };
}

/**
 * Refuses the names of a filter that nothing has: an empty list would be taken for an answer.
 * @throws CliError with exit code 2
 */
export async function refuseUnknown(
  session: Session,
  { runbook, target }: { runbook?: string; target?: string },
): Promise<void> {
  const { runbooks, targets } = await knownNames(session);
  if (runbook !== undefined && !runbooks.includes(runbook))
    throw unknownName(
      `There is no runbook ${JSON.stringify(runbook)}.`,
      { name: runbook, what: 'runbooks', known: runbooks },
      `${session.command} list`,
    );
  if (target !== undefined && !targets.includes(target))
    throw unknownName(`No run has had a target ${JSON.stringify(target)}.`, {
      ...{ name: target, what: 'targets', known: targets },
    });
}

async function ofRuns(session: Session): Promise<Names> {
  const pool = await session.record();
  if (pool) {
    const { namesInRecord } = await import('../store/index.js');
    try {
      return await namesInRecord(pool);
    } catch (error) {
      if (!isRecordAway(error)) throw error;
    }
  }
  const { runs } = await listAllRuns(session, { limit: 200 });
  return {
    runbooks: runs.map(({ runbook }) => runbook),
    targets: runs.flatMap(({ targets }) => targets),
  };
}

/** Declared where workers run on this machine; a file with mistakes says nothing here. */
function declaredHere(env: NodeJS.ProcessEnv): string[] {
  const file = resolve(env['RUNBOOK_TARGETS'] || 'targets.yaml');
  try {
    if (!existsSync(file)) return [];
    return parseTargets(readFileSync(file, 'utf8'), file).map(({ name }) => name);
  } catch {
    return [];
  }
}

const unique = (names: readonly string[]): string[] => [...new Set(names)];
