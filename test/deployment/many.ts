import { setTimeout as delay } from 'node:timers/promises';
import type { WorkflowHandle } from '@temporalio/client';
import type { RunView } from '../../common/view.js';
import type { Load } from '../../lab/web-system/load-client.js';
import type { PhaseReport } from '../../lab/web-system/load-report.js';
import { flaws, type Flaw, type Generation } from '../../lab/web-system/app/release.js';
import { publishRelease, release } from '../../lab/web-system/releases.js';
import type { JsonObject } from '../../language/json.js';
import type { DeploymentWorld } from './world.js';

/** One release of many. */
export interface Shipment {
  version: string;
  generation: Generation;
  flaw: Flaw | null;
}

export interface Delivered extends Shipment {
  state: RunView['state'];
  why: string;
  /** Releases that serve users afterwards, as the proxy and the instances say. */
  serving: string[];
  /** What users saw while it was deployed. */
  users: PhaseReport;
  seconds: number;
  /** How often people were asked, and let it be measured again. */
  asked: number;
}

/** What these find when the migrations are rehearsed is no rollback: nothing has been changed. */
const foundByRehearsal: readonly (Flaw | null)[] = ['needs-schema', 'unsafe-expand'];

/**
 * Twice the window that the other tests have: what is looked at here is many, on a machine that
 * does other things too.
 */
const inputs: JsonObject = { window: '2s', watch: '2s', max_latency: 5 };
const inputsFor: Partial<Record<Flaw, JsonObject>> = { leaks: { watch: '20s', max_latency: 50 } };
/** So often a person lets a measurement be made again that had too few requests. */
const mostRetries = 3;

/**
 * So many releases, two generations in turn; the bad ones are spread among them, every kind of flaw
 * in turn.
 */
export function shipments(count: number, bad: number): Shipment[] {
  return Array.from({ length: count }, (_, index) => {
    const number = Math.floor(((index + 1) * bad) / count);
    const isBad = number > Math.floor((index * bad) / count);
    const flaw = isBad ? (flaws[(number - 1) % flaws.length] ?? null) : null;
    const generation = flaw || index % 2 === 1 ? 3 : 2;
    return { version: `${generation}.2.${index + 1}`, generation, flaw };
  });
}

export function isRight({ flaw, state, version, serving }: Delivered, before: string): boolean {
  const wanted =
    flaw === null ? 'succeeded' : foundByRehearsal.includes(flaw) ? 'failed' : 'rolled-back';
  return state === wanted && serving.join() === (flaw === null ? version : before);
}

/** Deploys one release after the other to one system, under one load. */
export async function ship(
  world: DeploymentWorld,
  all: readonly Shipment[],
  users: Load,
): Promise<Delivered[]> {
  const delivered: Delivered[] = [];
  for (const shipment of all) {
    const { version, generation, flaw } = shipment;
    publishRelease(world.system.files.releases, release(version, generation, flaw));
    const began = performance.now();
    users.phase(version);
    const run = await world.deploy(version, { ...inputs, ...(flaw && inputsFor[flaw]) });
    await world.approve(run);
    const { view, asked } = await seenThrough(world, run);
    users.phase('between');
    const seen = (await users.report()).phases[version];
    if (!seen) throw new Error(`the users do not know ${version}`);
    delivered.push({
      ...shipment,
      state: view.state,
      why:
        view.problem?.message ??
        view.waitingFor.map(({ evidence }) => JSON.stringify(evidence)).join(),
      serving: await world.serving(),
      users: seen,
      seconds: Math.round((performance.now() - began) / 1_000),
      asked,
    });
    const { serving, seconds, why } = delivered.at(-1) as Delivered;
    process.stderr.write(
      `${delivered.length}: ${version} ${flaw ?? 'good'}: ${view.state}, ${seen.failures} of ${seen.requests} failed, ` +
        `${seen.repeated} repeated, served by ${serving.join()}, ${seconds} s${why ? `; ${why}` : ''}\n`,
    );
  }
  return delivered;
}

/**
 * Waits until the run has ended; when it asks because it saw too little, it is told to look again,
 * as a person would.
 */
async function seenThrough(
  world: DeploymentWorld,
  run: WorkflowHandle,
): Promise<{ view: RunView; asked: number }> {
  const { engine } = world;
  for (let asked = 0; ;) {
    const view = await engine.status(run);
    const question = view.waitingFor.find(({ kind }) => kind === 'failure');
    if (view.endedAt || (question && asked === mostRetries)) return { view, asked };
    if (question) {
      asked += 1;
      await engine.send(run, await engine.decision(run, { verb: 'retry' }));
    }
    await delay(300);
  }
}
