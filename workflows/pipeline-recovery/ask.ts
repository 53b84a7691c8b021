import type { Json } from '../../language/json.js';
import type { PlannedTarget } from '../../language/plan.js';
import { partOf } from '../../language/paths.js';
import type { StepSpec } from '../../language/runbook.js';
import { ProcedureStopped, StepFailed } from '../engine/outcome.js';
import type { Run } from '../engine/surface.js';
import type { JobStatus } from './findings.js';
import type { DeclaredPipeline, Question, Runner } from './run/runner.js';

/** @throws ProcedureStopped when the target does not say what its pipeline is */
export function declared(target: PlannedTarget): DeclaredPipeline {
  const { pipeline } = target;
  if (pipeline) return { ...target, pipeline };
  throw new ProcedureStopped(
    `target ${target.name} does not declare its pipeline: neither its stages nor how it is run are known`,
    'Nothing was changed. Declare `pipeline:` in targets.yaml of every worker: docs/adopt/job-api.md.',
  );
}

/** Does the parts of a group that this pipeline has; the others are not needed. */
export async function ask<T>(run: Run, group: string, { parts, read }: Question<T>): Promise<T> {
  const declaredParts = run.plan.steps.find(({ id }) => id === group)?.steps ?? [];
  const answers = await run.parallel<Record<string, Json>>(group, parts);
  const others = declaredParts
    .filter(({ id }: StepSpec) => !Object.hasOwn(parts, id))
    .map(({ id }) => partOf(group, id));
  run.notNeeded(others, 'the pipeline declares nothing to ask');
  return read(answers);
}

/** The state of a job, and why it has failed. */
export async function look(run: Run, runner: Runner, job: string): Promise<JobStatus> {
  const status = await ask(run, 'collect', runner.look(job));
  if (!runner.explain) return status;
  const further = runner.explain(status);
  if (Object.keys(further.parts).length === 0) {
    run.notNeeded('explain', 'no task has failed');
    return status;
  }
  try {
    return await ask(run, 'explain', further);
  } catch (error) {
    if (!(error instanceof StepFailed)) throw error;
    // Who has failed is known; a log that is gone keeps nobody from recovering it.
    const told = further.read({});
    const message = `what it says of it cannot be read: ${error.problem.message}`;
    return { ...told, error: told.error && { ...told.error, message } };
  }
}
