import { setTimeout as delay } from 'node:timers/promises';
import { withReplicas, type SeenRollout, type WatchedPods } from '../../common/delivery/rollout.js';
import type { Json } from '../../language/json.js';
import type { RolloutAction, RolloutState } from '../../language/kinds/delivery/rollout.js';
import { StepFailure } from '../failure.js';
import type { AttemptContext, Handler } from '../handler.js';
import {
  differences,
  lastChange,
  seenRollout,
  withImage,
  type DeploymentObject,
} from './kubernetes/deployment.js';
import { clusterFacts, type ClusterFacts } from './kubernetes/facts.js';
import { fieldManager, Kubectl } from './kubernetes/kubectl.js';
import { restartsSince, whyNotReady, type PodList } from './kubernetes/pods.js';
import { selectorText } from './kubernetes/selector.js';

const pollMs = 2_000;
const followMs = 300_000;
/** Polls in a row with missing pods that cannot be a coincidence. */
const maxMissingPolls = 3;
/** Restarts of containers in one window that cannot be a coincidence. */
const maxRestarts = 3;

interface Snapshot {
  object: DeploymentObject;
  seen: SeenRollout;
}

/**
 * One operation on a Deployment, by kubectl. Each change first reads the state: what is already
 * done is not repeated, and what somebody else has changed is left as it is. It reads the state
 * again at the end, to notice changes in between. A kubectl that a dead worker left running is
 * followed to its end.
 * @throws StepFailure Disturbed when somebody else has changed the Deployment, VerifyFailed when
 *   its pods do not become ready
 */
export async function rollout(
  action: RolloutAction,
  context: AttemptContext,
  command: Handler<'command'>,
): Promise<Json> {
  const facts = clusterFacts(context.targets.get(action.target));
  const deployment = new Deployment(
    action.deployment ?? facts.deployment,
    facts,
    new Kubectl(facts, context, command),
    context,
  );
  const state = action.state ?? null;
  return (await (state === null
    ? deployment.observe()
    : deployment.act(action, state))) as unknown as Json;
}

class Deployment {
  private readonly address: string;

  constructor(
    private readonly name: string,
    private readonly facts: ClusterFacts,
    private readonly kubectl: Kubectl,
    private readonly context: AttemptContext,
  ) {
    this.address = `deployment/${name}`;
  }

  async observe(): Promise<SeenRollout> {
    const { object } = await this.snapshot(null);
    interface Autoscalers {
      items: {
        metadata: { name: string };
        spec: { scaleTargetRef: { kind: string; name: string } };
      }[];
    }
    const { items } = await this.kubectl.read<Autoscalers>('get', 'horizontalpodautoscalers');
    const own = items.find(
      ({ spec: { scaleTargetRef: of } }) => of.kind === 'Deployment' && of.name === this.name,
    );
    return seenRollout(object, this.facts.container, own?.metadata.name ?? null);
  }

  act(action: RolloutAction, state: RolloutState): Promise<SeenRollout | WatchedPods> {
    const { container } = this.facts;
    const { image = '', replicas = 0 } = action;
    switch (action.operation) {
      case 'observe':
        return this.observe();
      case 'compare':
        return this.compare(state);
      case 'image':
        return this.change([state], withImage(state, container, image), [
          'set',
          'image',
          this.address,
          `${container}=${image}`,
          `--field-manager=${fieldManager}`,
        ]);
      case 'scale':
        return this.change(
          [state],
          withReplicas(state, replicas),
          // The API server itself refuses when the number has changed by now.
          [
            'scale',
            this.address,
            `--current-replicas=${state.parts['replicas']}`,
            `--replicas=${replicas}`,
          ],
        );
      case 'undo':
        return this.change([withImage(state, container, image)], state, [
          'rollout',
          'undo',
          this.address,
          `--to-revision=${state.revision}`,
        ]);
      case 'follow':
        return this.follow(state, action);
      case 'watch':
        return this.watch(state, action.limitMs ?? 0);
    }
  }

  private async snapshot(autoscaler: string | null): Promise<Snapshot> {
    const object = await this.kubectl.read<DeploymentObject>(
      'get',
      this.address,
      '--show-managed-fields',
    );
    return { object, seen: seenRollout(object, this.facts.container, autoscaler) };
  }

  private async compare(state: RolloutState): Promise<SeenRollout> {
    const found = await this.snapshot(state.autoscaler);
    this.assertState(state, found);
    return found.seen;
  }

  /**
   * From the state that the run knows to the one that it wants. A change by somebody else between
   * the read and our own raises the generation once more than ours does, and is reported.
   */
  private async change(
    from: readonly RolloutState[],
    to: RolloutState,
    args: readonly string[],
  ): Promise<SeenRollout> {
    const before = await this.snapshot(to.autoscaler);
    if (differences(to, before.seen).length === 0) return before.seen;
    for (const state of from) this.assertState(state, before);
    await this.kubectl.run(args);
    const after = await this.snapshot(to.autoscaler);
    this.assertState(to, after);
    if (to.autoscaler === null && after.seen.generation > before.seen.generation + 1) {
      throw disturbed(
        this.name,
        'at the same moment as this run, whose change came ' +
          'last; theirs is kept as a revision of its own',
        after.object,
      );
    }
    return after.seen;
  }

  /** Follows the rollout, and polls meanwhile for changes by somebody else. */
  private async follow(
    state: RolloutState,
    { limitMs = followMs, since }: RolloutAction,
  ): Promise<SeenRollout> {
    const end = (since === undefined ? Date.now() : Date.parse(since)) + limitMs;
    const seconds = Math.max(1, Math.ceil((end - Date.now()) / 1_000));
    const over = new AbortController();
    const other = new AbortController();
    const noticed = this.untilDisturbed(state, over.signal).then((what) => {
      if (what !== null) other.abort(disturbed(this.name, what, null));
    });
    try {
      const signal = AbortSignal.any([this.context.signal, other.signal]);
      await this.kubectl.run(['rollout', 'status', this.address, `--timeout=${seconds}s`], signal);
    } catch (error) {
      if (this.context.signal.aborted) throw error;
      if (!other.signal.aborted) await this.throwUnlessSettled(state, error, end, limitMs);
    } finally {
      over.abort();
      await noticed;
    }
    const { seen } = await this.snapshot(state.autoscaler);
    const what = differences(state, seen);
    if (what.length > 0) return { ...seen, disturbed: what.join('; ') };
    if (seen.settled) return seen;
    throw new StepFailure('CommandFailed', `the rollout of ${this.name} is not over yet`);
  }

  /** What somebody else has changed, as soon as it is seen; null when the rollout ended first. */
  private async untilDisturbed(state: RolloutState, over: AbortSignal): Promise<string | null> {
    while (!over.aborted) {
      await delay(pollMs, undefined, { signal: over }).catch(() => undefined);
      if (over.aborted) break;
      // A missing answer is not a change.
      const found = await this.snapshot(state.autoscaler).catch(() => null);
      const what = found ? differences(state, found.seen) : [];
      if (what.length > 0) return what.join('; ');
    }
    return null;
  }

  /**
   * kubectl gave up. A time-out is final; an end by a signal or an unreachable API server is not.
   */
  private async throwUnlessSettled(
    state: RolloutState,
    error: unknown,
    end: number,
    limitMs: number,
  ): Promise<void> {
    const { seen } = await this.snapshot(state.autoscaler);
    if (seen.settled || differences(state, seen).length > 0) return;
    const gaveUp =
      error instanceof StepFailure && /exceeded its progress deadline/.test(error.message);
    if (!gaveUp && Date.now() < end) throw error;
    const why = whyNotReady(await this.pods());
    const when = gaveUp ? 'by its own progress deadline' : `after ${Math.round(limitMs / 1_000)} s`;
    throw new StepFailure(
      'VerifyFailed',
      `not all pods of ${this.name} are ready ${when}: ${seen.available} of ` +
        `${seen.replicas} are available${why ? ` (${why})` : ''}`,
    );
  }

  /** Are the pods there, and do they stay? @throws StepFailure Disturbed */
  private async watch(state: RolloutState, limitMs: number): Promise<WatchedPods> {
    const end = Date.now() + limitMs;
    const before = await this.pods();
    for (let missing = 0; ;) {
      const found = await this.snapshot(state.autoscaler);
      this.assertState(state, found);
      const { available, replicas } = found.seen;
      const pods = await this.pods();
      const restarts = restartsSince(before, pods);
      missing = available < replicas ? missing + 1 : 0;
      this.context.progress({ available, wanted: replicas, restarts });
      const counted =
        `${available} of ${replicas} pods are available, ` +
        `containers were restarted ${restarts} times`;
      if (missing >= maxMissingPolls || restarts >= maxRestarts) {
        const why = whyNotReady(pods);
        return { verdict: 'fail', why: why ? `${counted} (${why})` : counted };
      }
      if (Date.now() >= end && missing === 0) return { verdict: 'pass', why: counted };
      await delay(Math.min(pollMs, Math.max(1, end - Date.now())), undefined, {
        signal: this.context.signal,
      }).catch(() => {
        throw this.context.signal.reason;
      });
    }
  }

  private async pods(): Promise<PodList> {
    const { object } = await this.snapshot(null);
    const selector = selectorText(this.name, object.spec.selector);
    return this.kubectl.read<PodList>('get', 'pods', `--selector=${selector}`);
  }

  private assertState(state: RolloutState, { object, seen }: Snapshot): void {
    const what = differences(state, seen);
    if (what.length > 0) throw disturbed(this.name, what.join('; '), object);
  }
}

function disturbed(deployment: string, what: string, object: DeploymentObject | null): StepFailure {
  const who = object ? lastChange(object) : '';
  return new StepFailure(
    'Disturbed',
    `somebody else has changed deployment ${deployment}${who ? ` (${who})` : ''}: ${what}`,
    {
      next: 'Talk to whoever did it, then decide; `retry` checks again.',
    },
  );
}
