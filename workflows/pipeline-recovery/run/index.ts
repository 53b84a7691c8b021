import { dbtRunner } from './dbt.js';
import { httpRunner } from './http.js';
import type { DeclaredPipeline, Runner } from './runner.js';

/** How this pipeline is run, as its target declares it. */
export function runnerOf(declared: DeclaredPipeline): Runner {
  const { run } = declared.pipeline;
  return run.http ? httpRunner(declared, run.http) : dbtRunner(declared, run.dbt);
}
