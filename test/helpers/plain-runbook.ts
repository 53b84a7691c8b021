/** What every runbook has to say beside its id, where the test is about something else. */
const plain = {
  version: '1.0.0',
  summary: 'For tests.',
  type: 'MAINTENANCE',
  priority: 'LOW',
  tags: [],
  owners: ['test'],
  expectedMinutes: 1,
  inputs: {},
  prerequisites: [],
  verification: 'none',
  rollback: 'none',
} as const;

type Plain = typeof plain & { title: string };

/**
 * A runbook of a test. Workflows of tests import this file, so it imports nothing.
 * @param own what it says itself
 */
export function plainRunbook<const Own extends { id: string }>(
  own: Own,
): Omit<Plain, keyof Own> & Own {
  return { ...plain, title: own.id, ...own };
}
