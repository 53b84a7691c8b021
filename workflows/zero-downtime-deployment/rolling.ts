import type { Expectation } from '../../common/attempt.js';
import { later } from '../../language/reference.js';
import type { AnalysisAction } from '../../language/kinds/delivery/analysis.js';
import type { TrafficAction, TrafficServer } from '../../language/kinds/delivery/traffic.js';
import type { CheckAction } from '../../language/kinds/check.js';
import type { ListedWork } from '../../common/listed.js';
import { inside } from '../engine/listed.js';
import { ProcedureStopped } from '../engine/outcome.js';
import type { Run, Section } from '../engine/surface.js';
import { contractWhenAllowed } from './database.js';
import type { Running } from '../../common/answers.js';
import { answerOf, type Deployer } from './deployer.js';
import { judged } from './judge.js';
import { noticedOf, observe, type SeenTraffic } from './pool.js';
import { measurementOf, numbers, watchOver, type Baseline } from './shift.js';
import type { Strategy } from './strategy.js';
import type { Inputs } from './inputs.js';

/*
 * One server after the other leaves the pool, gets the new version, and returns. The others carry
 * the users meanwhile, so only the servers being replaced are missing; during a rollback too.
 */

const pollMs = 500;
/** How long a server that leaves the pool may take to finish its requests. */
const drainMs = 60_000;

/** The servers that have the traffic: all of one version, with equal shares. */
interface Fleet {
  version: string;
  servers: FleetServer[];
}

interface FleetServer extends TrafficServer {
  /** Where the proxy lists it. */
  place: number;
}

/** What a rolling replacement of a pool's servers needs to know. */
interface Rolling {
  target: string;
  fleet: Fleet;
  deployer: Deployer;
  inputs: Pick<Inputs, 'version' | 'batch' | 'windowMs' | 'limits' | 'readyMs'>;
}

/**
 * Checks that all servers have one version and equal shares: anything else is an unfinished
 * deployment.
 * @throws ProcedureStopped
 */
function fleetOf(
  { servers, pool }: SeenTraffic,
  running: Running,
  { version, batch }: Inputs,
): Fleet {
  const listed = servers
    .map(({ name, address, weight }) => `${name}: ${address ?? 'empty'}, weight ${weight}`)
    .join('; ');
  const halfWay = (what: string): ProcedureStopped =>
    new ProcedureStopped(
      `${what} (${listed})`,
      'Somebody may be deploying, or a deployment was left half-way: bring the pool to one ' +
        'version with equal weights first.',
    );
  const used = servers.flatMap(({ name, address, weight }, place) =>
    address === null ? [] : [{ name, address, weight, place }],
  );
  if (new Set(used.map(({ weight }) => weight)).size > 1)
    throw halfWay(`the servers of ${pool} have different shares`);
  if (used.length <= batch || used[0]?.weight === 0) {
    throw new ProcedureStopped(
      `${used.length} servers of ${pool} have traffic, and ` +
        `${batch} at a time are to be replaced (${listed})`,
      'A rolling deployment leaves at least one server with the users: choose another ' +
        'strategy, or a smaller batch.',
    );
  }
  const versions = used.map(({ name }) => running.servers[name]?.version);
  const [old] = versions;
  if (old === undefined || versions.some((each) => each !== old)) {
    const runs = used
      .map(({ name }, index) => `${name} ${versions[index] ?? 'nothing that the deployer knows'}`)
      .join(', ');
    throw halfWay(`the servers of ${pool} do not all run the same version: ${runs}`);
  }
  if (old === version)
    throw new ProcedureStopped(
      `version ${version} runs already, on every server of ${pool}`,
      'There is nothing to deploy.',
    );
  return { version: old, servers: used };
}

/** The strategy `rolling`. @throws ProcedureStopped when the pool is not in order */
export function serverByServer(
  run: Run,
  inputs: Inputs,
  deployer: Deployer,
  seen: SeenTraffic,
  running: Running,
): Strategy {
  const target = run.target('service').name;
  const fleet = fleetOf(seen, running, inputs);
  const names = fleet.servers.map(({ name }) => name);
  const servers = fleet.servers.map(({ name, address, weight }) => ({ name, address, weight }));
  // Each server returns to its own place, so the pool ends as it began.
  const hold: TrafficAction = { kind: 'traffic', target, operation: 'set', servers };
  return {
    old: fleet.version,
    evidence: {
      'runs now': `${fleet.version} on ${names.join(', ')}`,
      'replaced at a time': `${inputs.batch} of ${names.length}`,
      ...noticedOf(seen),
    },
    actions: {
      ...inside('roll', replacingAll({ target, fleet, deployer, inputs })),
      ...inside('watch', { weight: { action: hold, undo: hold } }),
      ...inside('retire', { hold: { action: hold } }),
    },
    hold,
    async replace(artefact) {
      for (const id of ['start', 'verify', 'shift'])
        run.notNeeded(id, 'each server is replaced in its place');
      const before = await roll(run, 'roll', { target, fleet, deployer, inputs });
      const action = measurementOf(target, inputs, {
        candidate: names,
        before,
        versions: { candidate: inputs.version },
      });
      await run.nested('watch', (part) =>
        watchOver(part, inputs, action, { action: hold, undo: hold }),
      );
      await run.nested('retire', async (part) => {
        for (const id of ['drain', 'stop', 'empty'])
          part.notNeeded(id, 'nothing of the old version is left');
        await contractWhenAllowed(part, { inputs, deployer, artefact, running: fleet.version });
        await part.step('hold', { action: hold });
      });
      return { servers: names };
    },
  };
}

/**
 * Replaces the servers of a pool in turn, and measures after each what users get.
 * @param step the declared step that holds the steps of `rollSteps`
 * @returns the baseline of the old version
 * @throws ProcedureStopped when the new version is bad
 */
function roll(run: Run, step: string, rolling: Rolling): Promise<Baseline> {
  const { fleet, inputs, target } = rolling;
  return run.nested(step, async (part) => {
    const all = fleet.servers.map(({ name }) => name);
    const measuring = (
      what: Omit<Parameters<typeof measurementOf>[2], 'versions'>,
      version: string,
    ): AnalysisAction =>
      measurementOf(target, inputs, {
        ...what,
        versions: { candidate: version, baseline: fleet.version },
      });
    const before = numbers(
      await part.step('baseline', { action: measuring({ candidate: all }, fleet.version) }),
    );
    for (let done = 0; done < all.length; done += inputs.batch) {
      const batch = fleet.servers.slice(done, done + inputs.batch);
      const names = batch.map(({ name }) => name);
      const left = all.slice(done + inputs.batch);
      const own = run.within(step, names.join(', '));
      await replaceBatch(own, rolling, batch);
      const found = await own.step('measure', {
        action: measuring(
          { candidate: names, ...(left.length > 0 ? { baseline: left } : {}), before },
          inputs.version,
        ),
      });
      own.decide('judge', () => judged(found, `on ${names.join(', ')}`));
    }
    return before;
  });
}

/** What replaces a batch of servers: out of the pool, stopped, started anew, in again. */
function replacing(
  { target, fleet, deployer, inputs }: Rolling,
  batch: FleetServer[],
  addressOf: (server: string) => string,
) {
  const traffic = (
    operation: 'set' | 'drain',
    servers: readonly TrafficServer[],
  ): TrafficAction => ({
    kind: 'traffic',
    target,
    operation,
    servers,
    ...(operation === 'drain' ? { limitMs: drainMs } : {}),
  });
  const old = batch.map(({ name, address, weight }) => ({ name, address, weight }));
  const idle = old.map((server) => ({ ...server, weight: 0 }));
  const names = batch.map(({ name }) => name);
  const returning = (): TrafficServer[] =>
    batch.map(({ name, weight }) => ({ name, weight, address: addressOf(name) }));
  return {
    leave: { action: traffic('set', idle), undo: traffic('set', old) },
    drain: old.map((server) => ({
      action: traffic('drain', [server]),
      undo: ready(deployer, server.name),
    })),
    stop: names.map((name) => ({
      action: deployer.stop(name),
      undo: deployer.start(name, fleet.version),
    })),
    start: names.map((name) => ({
      action: deployer.start(name, inputs.version),
      undo: deployer.stop(name),
    })),
    /** Needs the addresses. */
    return: () => ({
      action: traffic('set', returning()),
      undo: traffic('drain', returning()),
    }),
  };
}

/** The same for all batches, before the addresses are known. */
function replacingAll(rolling: Rolling): Record<string, ListedWork[]> {
  const { servers } = rolling.fleet;
  const { batch } = rolling.inputs;
  const works: Record<string, ListedWork[]> = {};
  for (let done = 0; done < servers.length; done += batch) {
    const each = replacing(rolling, servers.slice(done, done + batch), (server) =>
      later(`address of ${server}`),
    );
    for (const [step, work] of Object.entries({ ...each, return: each.return() }))
      works[step] = [...(works[step] ?? []), ...[work].flat()];
  }
  return works;
}

function ready(deployer: Deployer, server: string): CheckAction {
  return {
    kind: 'check',
    probe: deployer.ready(server),
    until: { cel: 'out.exitCode == 0' },
    everyMs: pollMs,
  };
}

/**
 * Run newest first, the undos bring the old version back in the order of a replacement: drain,
 * stop, start, wait until ready, restore the share.
 */
async function replaceBatch(part: Section, rolling: Rolling, batch: FleetServer[]): Promise<void> {
  const { target, fleet, deployer, inputs } = rolling;
  const addresses: Record<string, string> = {};
  const works = replacing(rolling, batch, (server) => addresses[server] as string);
  const others = fleet.servers.filter((server) => !batch.includes(server));
  await part.step('others', { action: observe(target), expect: others.map(carrying) });
  await part.step('leave', works.leave);
  for (const drain of works.drain) await part.step('drain', drain);
  for (const stop of works.stop) await part.step('stop', stop);
  for (const [index, start] of works.start.entries()) {
    const started = await part.step('start', start);
    const { address } = answerOf(started, 'deployer-started', 'where the new version runs');
    addresses[(batch[index] as FleetServer).name] = address;
  }
  for (const { name } of batch) {
    await part.step('ready', { action: ready(deployer, name), timeoutMs: inputs.readyMs });
    const found = await part.step('version', { action: deployer.version(name) });
    const { version } = answerOf(found, 'deployer-version', 'which version runs there');
    if (version !== inputs.version) {
      throw new ProcedureStopped(
        `${name} runs ${version}, and ${inputs.version} was started`,
        'See what the deployer starts.',
      );
    }
    await part.step('smoke', { action: deployer.smoke(name) });
  }
  await part.step('return', works.return());
}

/** Expects that a server has its share, and that the proxy does not report it as down. */
function carrying({ name, weight, place }: FleetServer): Expectation {
  // Not every proxy reports whether it is up.
  const condition = {
    cel:
      'out.servers[place].name == name && out.servers[place].weight == weight' +
      ' && out.servers[place].up != false',
    given: { place, name, weight },
  };
  const next =
    'See what became of it: `retry` looks again, `skip` ' +
    'goes on with less capacity, `rollback` undoes it all.';
  return { condition, otherwise: `${name} does not carry its share`, next };
}
