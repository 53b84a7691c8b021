import { declaration } from '../../lab/pipeline/declaration.js';
import type { Pipeline } from '../../language/pipeline.js';
import { parseTargets } from '../../language/targets-file.js';
import { ProcedureStopped } from '../../workflows/engine/outcome.js';
import { runnerOf } from '../../workflows/pipeline-recovery/run/index.js';
import type { Runner } from '../../workflows/pipeline-recovery/run/runner.js';

/** A declared pipeline as workers read it from targets.yaml. */
export function declared(pipeline: unknown): Pipeline {
  const target = {
    kind: 'pipeline',
    environment: 'test',
    http: { address: 'http://127.0.0.1:1' },
    postgres: { address: 'postgres://127.0.0.1/none' },
    pipeline,
  };
  const [read] = parseTargets(JSON.stringify({ targets: { one: target } }), 'targets.yaml');
  if (!read?.pipeline) throw new Error('the target declares no pipeline');
  return read.pipeline;
}

/** The example pipeline. */
export const declaredExample = declared(declaration);

/** What asks and tells the orchestrator of a pipeline, as it is declared. */
export function runnerFor(pipeline: unknown): Runner {
  return runnerOf({
    ...{ name: 'one', kind: 'pipeline', environment: 'test', isolated: false },
    ...{ addresses: [], facts: {}, digest: '', pipeline: declared(pipeline) },
  });
}

/** Why the procedure stopped; `went on` where it did not. */
export function whyStopped(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof ProcedureStopped) return error.message;
    throw error;
  }
  return 'went on';
}
