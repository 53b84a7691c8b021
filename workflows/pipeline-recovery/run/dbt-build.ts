import type { Json } from '../../../language/json.js';
import { isObject } from '../../../language/objects.js';
import { ProcedureStopped } from '../../engine/outcome.js';
import type { Preview, Restarted } from './runner.js';

/* What dbt is told to build, and what that builds anew. */

/** The error code of a run that left no results. */
export const diedCode = 'died';

/** What dbt is told. */
export interface Build {
  args: string[];
  /** For people. */
  words: string;
  /** It builds these, and what depends on them, anew; empty: nothing. */
  anew: string[];
}

/**
 * What brings the project to its end. Whatever dbt would build by itself is not built anew: a model
 * that the last run did not come to may only lack what is new, and an incremental one would lose
 * what its sources do not hold any more.
 * @param stage from which everything is good
 * @param corrupt stages that were found so
 */
export function buildFor(job: Restarted, stage: string, corrupt: readonly string[]): Build {
  const { error, undone = [] } = job;
  if (error?.code === diedCode)
    return {
      args: ['build'],
      words: `dbt build: nothing tells what was done${again(corrupt)}`,
      anew: [],
    };
  if (!isBuiltAnew(job, corrupt)) {
    const rest = error === null ? 'nothing is left undone' : 'goes on from what failed';
    return { args: ['retry'], words: `dbt retry: ${rest}${again(corrupt)}`, anew: [] };
  }
  const anew = [...new Set([stage, ...undone])];
  return {
    args: ['build', '--full-refresh', '--select', ...selecting(anew)],
    words: `dbt build --full-refresh: builds ${anew.join(', ')} anew, with all that depends on it`,
    anew,
  };
}

/** Selects models with all that depends on them. */
export function selecting(models: readonly string[]): string[] {
  return models.map((each) => `${each}+`);
}

/** Whether the restart builds what is corrupt anew, and not what dbt would build by itself. */
export function isBuiltAnew(
  { error, undone = [] }: Restarted,
  corrupt: readonly string[],
): boolean {
  return error?.code !== diedCode && corrupt.some((each) => !undone.includes(each));
}

function again(corrupt: readonly string[]): string {
  if (corrupt.length === 0) return '';
  return (
    '. Then the stages are proved again, and people are ' +
    'asked before one that is still corrupt is built anew'
  );
}

/** A model, as dbt lists it. */
interface Model {
  name: string;
  isIncremental: boolean;
  /** Its project forbids to build it anew. */
  isKept: boolean;
}

/** Of each model what decides whether building it anew loses anything: an expression. */
export const modelsIn =
  'out.lines.map(m, {"id": m.unique_id, "how": m.config.materialized, ' +
  '"kept": m.config[?"full_refresh"].orValue(null) == false})';

/**
 * What dbt would build.
 * @param wanted models that have to be among those that were listed
 * @param corrupt stages that were found so
 * @throws ProcedureStopped where dbt does not know a model, or must not build a corrupt one anew
 */
export function dbtPreview(
  { words, anew }: Build,
  wanted: readonly string[],
  corrupt: readonly string[],
  answer: Json,
): Preview {
  const models = modelsOf(answer);
  const unknown = wanted.filter((each) => !models.some(({ name }) => name === each));
  if (unknown.length > 0)
    throw new ProcedureStopped(
      `the project of dbt has no model ${unknown.join(', ')}`,
      'Nothing was changed. The name of a stage is that of its model: correct `data.stages` ' +
        'of the target in targets.yaml of every worker.',
    );
  const incremental = anew.length === 0 ? [] : models.filter(({ isIncremental }) => isIncremental);
  const names = (isKept: boolean): string[] =>
    incremental.filter((model) => model.isKept === isKept).map(({ name }) => name);
  const [lost, kept] = [names(false), names(true)];
  const stuck = corrupt.filter((each) => kept.includes(each));
  if (stuck.length > 0)
    throw new ProcedureStopped(
      `${stuck.join(', ')} is corrupt, and its project ` +
        'forbids to build it anew (full_refresh: false)',
      'Nothing was changed. Correct its rows by hand, or take `full_refresh: false` from ' +
        'the model where nothing is lost by it; then start the runbook again.',
    );
  return {
    tasks: null,
    evidence: {
      'what dbt does': words,
      ...(lost.length > 0
        ? {
            'incremental models built anew':
              lost.join(', ') + ': rows that their sources do not hold any more are lost',
          }
        : {}),
      ...(kept.length > 0
        ? {
            'incremental models kept': `${kept.join(', ')}: their project says full_refresh: false`,
          }
        : {}),
    },
  };
}

/** @throws ProcedureStopped where dbt has not answered */
function modelsOf(answer: Json): Model[] {
  const models = isObject(answer) ? answer['models'] : undefined;
  if (Array.isArray(models))
    return models.filter(isObject).map(({ id, how, kept }) => ({
      name: nameOf(String(id as string)),
      isIncremental: how === 'incremental',
      isKept: kept === true,
    }));
  throw new ProcedureStopped(
    'which models dbt would build is not known: it was not asked',
    'Nothing was changed. Start the runbook again.',
  );
}

/** `model.PROJECT.NAME`, or with a version behind the name. */
export function nameOf(node: string): string {
  return node.split('.').slice(2).join('.');
}
