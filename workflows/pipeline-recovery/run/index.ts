import { httpRunner } from './http.js';
import type { DeclaredPipeline, Runner } from './runner.js';

/** How this pipeline is run, as its target declares it. */
export function runnerOf(pipeline: DeclaredPipeline): Runner {
  return httpRunner(pipeline);
}
