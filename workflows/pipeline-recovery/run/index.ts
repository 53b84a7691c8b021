import { airflowRunner } from './airflow.js';
import { dbtRunner } from './dbt.js';
import { httpRunner } from './http.js';
import { programRunner } from './program.js';
import type { DeclaredPipeline, Runner } from './runner.js';

/** How this pipeline is run, as its target declares it. */
export function runnerOf(declared: DeclaredPipeline): Runner {
  const { run } = declared.pipeline;
  if (run.http) return httpRunner(declared, run.http);
  if (run.dbt) return dbtRunner(declared, run.dbt);
  if (run.airflow) return airflowRunner(declared, run.airflow);
  return programRunner(declared, run.program);
}
