/** Pods as far as it is said of them why they do not work. */
export interface PodList {
  items: {
    metadata: { name: string; deletionTimestamp?: string };
    spec: { containers: { image: string }[] };
    status?: {
      phase?: string;
      conditions?: { type: string; status: string; message?: string }[];
      containerStatuses?: ContainerStatus[];
    };
  }[];
}

interface ContainerStatus {
  name: string;
  restartCount: number;
  state?: {
    waiting?: { reason?: string; message?: string };
    terminated?: { reason?: string; exitCode?: number };
  };
}

/** Pods told by name at most. */
const told = 3;

/** Why pods are not ready, as Kubernetes says it; '' when all are. */
export function whyNotReady({ items }: PodList): string {
  const waiting = items.filter(({ metadata, status }) => {
    const ready =
      status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') ??
      false;
    return !ready && metadata.deletionTimestamp === undefined;
  });
  const reasons = waiting
    .slice(0, told)
    .map(({ metadata, status }) => `${metadata.name}: ${reasonOf(status) ?? 'not ready'}`);
  return [...reasons, ...(waiting.length > told ? [`and ${waiting.length - told} more`] : [])].join(
    '; ',
  );
}

function reasonOf(status: PodList['items'][number]['status']): string | undefined {
  for (const { state, restartCount } of status?.containerStatuses ?? []) {
    const reason = state?.waiting?.reason ?? state?.terminated?.reason;
    if (reason !== undefined)
      return restartCount > 0 ? `${reason} after ${restartCount} restarts` : reason;
  }
  const unscheduled = status?.conditions?.find(
    ({ type, status: is }) => type === 'PodScheduled' && is === 'False',
  );
  return unscheduled?.message ?? status?.phase;
}

export function restartsOf({ items }: PodList): number {
  return items
    .flatMap(({ status }) => status?.containerStatuses ?? [])
    .reduce((sum, { restartCount }) => sum + restartCount, 0);
}
