import { declaration } from '../../lab/pipeline/declaration.js';
import type { Pipeline } from '../../language/pipeline.js';
import { parseTargets } from '../../language/targets-file.js';

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
