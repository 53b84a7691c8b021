/**
 * The fields of pods that say why they are not ready. Ephemeral containers are left out: somebody
 * added them for debugging, and they do not affect readiness.
 */
export interface PodList {
  items: Pod[];
}

interface Pod {
  metadata: { name: string; deletionTimestamp?: string };
  spec: { containers: { image: string }[]; initContainers?: InitContainer[] };
  status?: {
    phase?: string;
    reason?: string;
    message?: string;
    conditions?: { type: string; status: string; message?: string }[];
    initContainerStatuses?: ContainerStatus[];
    containerStatuses?: ContainerStatus[];
  };
}

/** `restartPolicy: Always` makes it a sidecar: it runs as long as the pod does. */
interface InitContainer {
  name: string;
  image?: string;
  restartPolicy?: string;
}

interface Ended {
  reason?: string;
  exitCode?: number;
}

interface ContainerStatus {
  name: string;
  restartCount: number;
  ready?: boolean;
  state?: {
    waiting?: { reason?: string; message?: string };
    running?: object;
    terminated?: Ended;
  };
}

/** A message names at most this many pods. */
const maxNamed = 3;
/** Reasons of a container that only waits for earlier ones: the cause is there. */
const onlyWaits: ReadonlySet<string> = new Set(['PodInitializing', 'ContainerCreating']);

/** Why pods are not ready, as Kubernetes says it; '' when all are. */
export function whyNotReady({ items }: PodList): string {
  const waiting = items.filter(({ metadata, status }) => {
    const ready =
      status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') ??
      false;
    return !ready && metadata.deletionTimestamp === undefined;
  });
  const reasons = waiting
    .slice(0, maxNamed)
    .map((pod) => `${pod.metadata.name}: ${reasonOf(pod) ?? 'not ready'}`);
  return [
    ...reasons,
    ...(waiting.length > maxNamed ? [`and ${waiting.length - maxNamed} more`] : []),
  ].join('; ');
}

function reasonOf({ spec, status }: Pod): string | undefined {
  const { initContainerStatuses: inits = [], containerStatuses: mains = [] } = status ?? {};
  const sidecars = new Set(
    (spec.initContainers ?? [])
      .filter(({ restartPolicy }) => restartPolicy === 'Always')
      .map(({ name }) => name),
  );
  // Containers are started in this order, and each waits for those before it: the first one with a
  // reason is the cause.
  const causes = [
    ...inits.map((each) => ({
      what: sidecars.has(each.name) ? `sidecar ${each.name}` : `init container ${each.name}`,
      status: each,
      mayEnd: !sidecars.has(each.name),
    })),
    ...mains.map((each) => ({ what: '', status: each, mayEnd: false })),
  ].flatMap(({ what, status: each, mayEnd }) => {
    const why = whyOf(each, mayEnd);
    return why === undefined ? [] : [{ why: what ? `${what}: ${why}` : why, reason: each }];
  });
  const cause = causes.find(({ reason }) => !onlyWaits.has(reason.state?.waiting?.reason ?? ''));
  if (cause) return cause.why;
  const running = inits.find(({ state, name }) => state?.running && !sidecars.has(name));
  if (running) return `init container ${running.name} has not ended`;
  const unscheduled = status?.conditions?.find(
    ({ type, status: is }) => type === 'PodScheduled' && is === 'False',
  );
  if (unscheduled?.message !== undefined) return unscheduled.message;
  // An evicted pod has its reason in its own status.
  if (status?.reason !== undefined)
    return status.message === undefined ? status.reason : `${status.reason}: ${status.message}`;
  if (causes[0]) return causes[0].why;
  const unready = mains.filter(({ ready, state }) => ready === false && state?.running);
  const [first] = unready;
  if (!first) return status?.phase;
  return (
    `container ${unready.map(({ name }) => name).join(', ')} ` +
    `runs and is not ready${after(first)}`
  );
}

/** @param mayEnd true for an init container: it is done once it has succeeded */
function whyOf(status: ContainerStatus, mayEnd: boolean): string | undefined {
  const { waiting, terminated } = status.state ?? {};
  if (terminated && mayEnd && terminated.exitCode === 0) return undefined;
  const reason = waiting?.reason ?? terminated?.reason;
  return reason === undefined ? undefined : `${reason}${after(status)}`;
}

function after({ restartCount }: ContainerStatus): string {
  return restartCount > 0 ? ` after ${restartCount} restarts` : '';
}

/**
 * How often containers were started again between two looks, those before the pod's own and beside
 * it too. Counted by pod: a pod that is gone takes its restarts with it, and a new one begins at 0.
 */
export function restartsSince(before: PodList, now: PodList): number {
  const had = restartsByContainer(before);
  let sum = 0;
  for (const [container, count] of restartsByContainer(now))
    sum += Math.max(0, count - (had.get(container) ?? 0));
  return sum;
}

function restartsByContainer({ items }: PodList): Map<string, number> {
  return new Map(
    items.flatMap(({ metadata, status }) =>
      [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])].map(
        ({ name, restartCount }): [string, number] => [`${metadata.name}/${name}`, restartCount],
      ),
    ),
  );
}
