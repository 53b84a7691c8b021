import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { WorkflowHandle } from '@temporalio/client';
import { proxyHere } from '../../lab/web-system/proxy.js';
import {
  SiteSystem,
  type SiteName,
  type SiteSystemOptions,
  type SiteTarget,
} from '../../lab/web-system/sites/system.js';
import type { Writer } from '../../lab/web-system/sites/writer-client.js';
import type { StartEnvelope } from '../../common/envelope.js';
import type { RunView } from '../../common/view.js';
import type { JsonObject } from '../../language/json.js';
import { getAttempts, getRun } from '../../store/index.js';
import { programFolder } from '../../worker/config.js';
import { Engine, type EngineOptions } from '../helpers/engine.js';
import { testFolder } from '../helpers/folder.js';
import { until } from '../../lab/until.js';

/** Targets whose program is that of another site than they say. */
function wrongHosts(
  { from, to }: { from: SiteTarget; to: SiteTarget },
  system: SiteSystem,
): Record<'wrong-a' | 'wrong-b', SiteTarget> {
  const leadsTo = (target: SiteTarget, site: SiteName): SiteTarget => ({
    ...target,
    facts: { ...target.facts, program: system.program(site) },
  });
  return { 'wrong-a': leadsTo(from, 'b'), 'wrong-b': leadsTo(to, 'a') };
}

/**
 * Two sites with users that write, and the shipped runbook for the day on which one of them is
 * gone.
 */
export class DisasterWorld {
  private journals = 0;

  private constructor(
    readonly engine: Engine,
    readonly system: SiteSystem,
    readonly folder: string,
    private readonly closers: (() => Promise<unknown>)[],
  ) {}

  static async start(
    options: Partial<SiteSystemOptions> = {},
    engineOptions: EngineOptions = {},
  ): Promise<DisasterWorld> {
    const folder = testFolder('runbook-disaster-');
    const proxy = proxyHere();
    const system = await SiteSystem.start(folder, {
      proxy,
      leaseMs: 1_500,
      archiveTimeoutSeconds: 1,
      ...options,
    });
    const { from, to, drill, entrance } = system.targets;
    const engine = await Engine.start({
      procedures: join(programFolder, 'workflows', 'index.js'),
      targets: JSON.stringify({
        targets: {
          'site-a': from,
          'site-b': to,
          'site-drill': drill,
          entrance,
          ...wrongHosts({ from, to }, system),
        },
      }),
      ...engineOptions,
    });
    return new DisasterWorld(engine, system, folder, [
      () => engine.stop(),
      () => system.stop(),
      () => rm(folder, { recursive: true, force: true }),
    ]);
  }

  /** Users that write, once some of it was acknowledged. */
  async users(rate = 40): Promise<Writer> {
    this.journals += 1;
    const writer = this.system.startWriter({
      journal: join(this.folder, `journal-${this.journals}.jsonl`),
      rate,
    });
    await until('some writes', async () => (await writer.report()).acknowledged > 40);
    return writer;
  }

  /** @param change of what is asked, such as a drill */
  async recover(
    inputs: JsonObject = {},
    change: Partial<StartEnvelope> = {},
  ): Promise<WorkflowHandle> {
    const given = {
      ...{ from: 'site-a', to: 'site-b', entrance: 'entrance' },
      ...{ watch: '1s', window: '1s', min_requests: 5, max_error_rate: 0.05 },
    };
    const runbook = 'full-system-disaster-recovery';
    const envelope = { ...this.engine.envelope(runbook, { ...given, ...inputs }), ...change };
    return this.engine.client.workflow.start(runbook, {
      workflowId: envelope.run,
      taskQueue: this.engine.taskQueue,
      args: [envelope],
    });
  }

  /**
   * Approves the gates that a recovery asks at, typing the site's name; stops at anything else that
   * it asks.
   */
  async approved(run: WorkflowHandle, site = 'b'): Promise<RunView> {
    for (;;) {
      const view = await this.engine.asksOrEnds(run);
      const [wait] = view.waitingFor;
      if (!wait) return this.engine.ended(run);
      if (wait.kind !== 'approval') return view;
      const decision = await this.engine.decision(run, { confirm: site });
      const verdict = await this.engine.send(run, decision);
      if (!verdict.accepted) throw new Error(verdict.message);
    }
  }

  /** Waits until a run comes to a step. @returns false when it has ended before */
  async reached(run: WorkflowHandle, step: string, state?: 'succeeded'): Promise<boolean> {
    const { pool } = this.engine;
    const how = await until(`step ${step}`, async () => {
      const attempts = await getAttempts(pool, run.workflowId).catch(() => []);
      if (
        attempts.some(
          (attempt) => attempt.step === step && (state === undefined || attempt.state === state),
        )
      )
        return 'there';
      const view = await getRun(pool, run.workflowId).catch(() => null);
      return view?.endedAt ? 'ended' : undefined;
    });
    return how === 'there';
  }

  /** Servers that the entrance itself sends users to. */
  async serving(): Promise<string[]> {
    const { servers } = await this.system.entrance.traffic.observe();
    return servers.filter(({ weight }) => weight > 0).map(({ name }) => name);
  }

  async stop(): Promise<void> {
    for (const close of this.closers) await close();
  }
}
