import type { Json } from '../../language/json.js';
import type { PlannedTarget } from '../../language/plan.js';
import { partOf } from '../../language/paths.js';
import { ProcedureStopped, StepFailed } from '../engine/outcome.js';
import type { Section } from '../engine/surface.js';
import { catalogueActions } from './actions.js';
import type { FoundTable } from './declared/catalog.js';
import type { Finding } from './declared/finding.js';
import { inOneParagraph, judgeDeclaration } from './declared/judge.js';
import { placesOf } from './declared/places.js';
import type { JobStatus } from './findings.js';
import type { DeclaredPipeline, Question, Runner } from './run/runner.js';

/** @throws ProcedureStopped when the target does not say what its pipeline is */
export function declared(target: PlannedTarget): DeclaredPipeline {
  const { pipeline } = target;
  if (pipeline) return { ...target, pipeline };
  throw new ProcedureStopped(
    `target ${target.name} does not declare its pipeline: ` +
      'neither its stages nor how it is run are known',
    'Nothing was changed. Declare `pipeline:` in ' +
      'targets.yaml of every worker: docs/adopt/job-api.md.',
  );
}

/** Does the parts of a group that this pipeline has; the others are not needed. */
export async function ask<T>(
  steps: Section,
  group: string,
  { parts, read }: Question<T>,
): Promise<T> {
  const answers = await steps.parallel<Record<string, Json>>(group, parts);
  const others = steps
    .partsOf(group)
    .filter((id) => !Object.hasOwn(parts, id))
    .map((id) => partOf(group, id));
  steps.notNeeded(others, 'the pipeline declares nothing to ask');
  return read(answers);
}

/**
 * Compares the declaration with the database before anything else.
 * @returns why nothing can be moved into quarantine; empty when it can
 * @throws ProcedureStopped when nothing could be proved
 */
export async function compareDeclaration(
  steps: Section,
  pipeline: DeclaredPipeline,
): Promise<Finding[]> {
  const tables = await foundTables(steps, pipeline);
  const findings = judgeDeclaration(placesOf(pipeline.pipeline), tables);
  const wrong = findings.filter(({ weight }) => weight === 'wrong');
  if (wrong.length === 0) return findings.filter(({ weight }) => weight === 'forbidden');
  throw new ProcedureStopped(
    `pipeline ${pipeline.name} is not what it is declared to be: ${inOneParagraph(wrong)}`,
    'Nothing was changed. Correct `pipeline:` in targets.yaml of every worker; doctor ' +
      'PIPELINE says when it is right.',
  );
}

/** What the databases have of what is declared. */
export async function foundTables(
  steps: Section,
  pipeline: DeclaredPipeline,
): Promise<FoundTable[]> {
  const found: FoundTable[] = [];
  for (const action of catalogueActions(pipeline)) {
    const answer = await steps.step<{ tables: FoundTable[] } | null>('declared', { action });
    found.push(...(answer?.tables ?? []));
  }
  return found;
}

/** The state of a job, and why it has failed. */
export async function look(steps: Section, runner: Runner, job: string): Promise<JobStatus> {
  const status = await ask(steps, 'collect', runner.look(job));
  if (!runner.explain) return status;
  const further = runner.explain(status);
  if (Object.keys(further.parts).length === 0) {
    steps.notNeeded('explain', 'no task has failed');
    return status;
  }
  try {
    return await ask(steps, 'explain', further);
  } catch (error) {
    if (!(error instanceof StepFailed)) throw error;
    // Who has failed is known; a log that is gone keeps nobody from recovering it.
    const told = further.read({});
    const message = `what it says of it cannot be read: ${error.problem.message}`;
    return { ...told, error: told.error && { ...told.error, message } };
  }
}
