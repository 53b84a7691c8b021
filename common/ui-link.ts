/**
 * The run's page in the Temporal UI. A waiting run opens at its details, where the step table and
 * the approving command stand; any other at its history.
 * @param base address of the UI without a trailing slash
 */
export function uiLink(
  base: string,
  namespace: string,
  run: string,
  runId: string,
  page: 'history' | 'user-metadata',
): string {
  return `${base}/namespaces/${encodeURIComponent(namespace)}/workflows/${encodeURIComponent(run)}/${runId}/${page}`;
}
