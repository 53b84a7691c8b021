import type { TargetDeclaration } from '../../../language/targets-file.js';
import { StepFailure } from '../../failure.js';
import type { AttemptContext, Handler } from '../../handler.js';
import { prometheusSource } from './prometheus-api.js';
import type { MetricsSource } from './readings.js';
import { sqlSource } from './sql.js';

/**
 * The source that a target declares in its facts; undefined when it declares none.
 * @throws StepFailure Configuration
 */
export function declaredSource(
  target: TargetDeclaration,
  context: AttemptContext,
  sql: Handler<'sql'>,
): MetricsSource | undefined {
  const { prometheus, metrics_sql: log } = target.facts;
  if (prometheus !== undefined && log !== undefined) {
    throw new StepFailure(
      'Configuration',
      `target ${target.name} declares both prometheus and metrics_sql`,
      {
        next: 'Leave one of them in its facts: a release is judged by one source.',
      },
    );
  }
  if (prometheus !== undefined) return prometheusSource(target, context);
  return log === undefined ? undefined : sqlSource(target, context, sql);
}
