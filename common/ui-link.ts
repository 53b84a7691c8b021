/**
 * The run's page in the Temporal UI, at its details: what it waits for and the commands that
 * answer, or how it ended and what it has left, and its steps. They are empty where no worker of
 * its version lives; its time line then has its steps and its result.
 * @param base address of the UI without a trailing slash
 * @param runId Temporal's id of the execution
 */
export function uiLink(
  base: string,
  namespace: string,
  run: string,
  runId: string,
  page: 'user-metadata' | 'timeline' = 'user-metadata',
): string {
  const [space, workflow] = [namespace, run].map(encodeURIComponent);
  return `${base}/namespaces/${space}/workflows/${workflow}/${runId}/${page}`;
}

/**
 * The list of runs in the Temporal UI, without other workflows.
 * @param base address of the UI without a trailing slash
 */
export function runsLink(base: string, namespace: string): string {
  const query = new URLSearchParams({ query: 'RunbookState IS NOT NULL' });
  return `${base}/namespaces/${encodeURIComponent(namespace)}/workflows?${query.toString()}`;
}
