import { StepFailure } from '../../failure.js';
import { field } from '../../../language/objects.js';

/** A selector as the API has it (`metav1.LabelSelector`); all of its parts must hold. */
export interface LabelSelector {
  matchLabels?: Record<string, string>;
  matchExpressions?: { key: string; operator: string; values?: string[] }[];
}

/** Each operator in the syntax of kubectl's command line. */
const operators: Record<string, (key: string, values: readonly string[]) => string> = {
  In: (key, values) => `${key} in (${values.join(',')})`,
  NotIn: (key, values) => `${key} notin (${values.join(',')})`,
  Exists: (key) => key,
  DoesNotExist: (key) => `!${key}`,
};

/**
 * A selector as kubectl takes it. Leaving out a part would include the pods of others.
 * @throws StepFailure Configuration for an operator that is not known, and for a selector that
 *   selects everything
 */
export function selectorText(
  deployment: string,
  { matchLabels = {}, matchExpressions = [] }: LabelSelector,
): string {
  const parts = [
    ...Object.entries(matchLabels).map(([key, value]) => `${key}=${value}`),
    ...matchExpressions.map(({ key, operator, values = [] }) => {
      const text = field(operators, operator);
      if (text) return text(key, values);
      throw unusable(deployment, `has the operator ${JSON.stringify(operator)}`);
    }),
  ];
  if (parts.length === 0) throw unusable(deployment, 'selects every pod of the namespace');
  return parts.join(',');
}

function unusable(deployment: string, what: string): StepFailure {
  return new StepFailure('Configuration', `the selector of deployment ${deployment} ${what}`, {
    next: 'Which pods belong to it is not known; this runbook cannot watch them.',
  });
}
