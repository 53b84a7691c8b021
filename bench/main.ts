import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startServices, type Services } from '../embedded/services.js';
import { cleanUpOnStop } from '../embedded/stop-request.js';
import { proxyHere } from '../lab/web-system/proxy.js';
import { commandLineStartup } from './command-line.js';
import { decisionToNextStep } from './decision.js';
import { deployBench, deployText } from './deploy.js';
import { Bench } from './engine.js';
import { longRun, longText } from './long.js';
import { median } from './median.js';
import { peers } from './peers/index.js';
import { restoreBench, restoreText } from './restore.js';
import { stepsRunbook } from './specs.js';
import { askedText, costText, stepCost } from './step-cost.js';

/*
 * Costs measured side by side in one run, on a tuned server with its database file and PostgreSQL
 * with fsync on.
 * npm run bench -- [--steps 200] [--rounds 5] [--json FILE] [--alone]    beside a bare activity and
 * other tools; alone: without those
 * npm run bench -- long [--steps 5000] [--json FILE]    what a step costs early and late in one run
 * npm run bench -- restore [--megabytes 1024] [--rounds 3] [--json FILE]    the restore of a
 * database beside a shell script
 * npm run bench -- deploy [--rounds 5] [--proxy caddy] [--json FILE]    what users see while a
 * release is deployed
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    steps: { type: 'string' },
    rounds: { type: 'string' },
    megabytes: { type: 'string', default: '1024' },
    json: { type: 'string' },
    alone: { type: 'boolean' },
    proxy: { type: 'string' },
  },
});
const isLong = positionals[0] === 'long';
const steps = Number(values.steps ?? (isLong ? 5_000 : 200));
const rounds = Number(values.rounds ?? (positionals[0] === 'restore' ? 3 : 5));
/** What a process runs before anything is measured. */
const warmUpSteps = 60;
const machine = (): string =>
  `${process.version}, ${cpus().length} cpus, load ${loadavg()
    .map((value) => value.toFixed(1))
    .join(' ')}`;
const ms = (value: number): string => `${value.toFixed(1)} ms`;

async function long(bench: Bench): Promise<{ lines: string[]; result: object }> {
  await (await bench.start(stepsRunbook(warmUpSteps), {})).result();
  const before = machine();
  const result = await longRun(bench, steps);
  return {
    lines: [`(${before}; at the end ${machine()}, claims and fsync on)`, ...longText(result)],
    result,
  };
}

async function short(
  bench: Bench,
  services: Services,
  folder: string,
): Promise<{ lines: string[]; result: object }> {
  const found = values.alone ? [] : await peers(folder, services.database('dbos'));
  const skipped = found.filter((peer) => 'why' in peer);
  const contestants = await stepCost(
    bench,
    steps,
    rounds,
    found.filter((peer) => 'round' in peer),
  );
  const decision = await decisionToNextStep(bench, rounds * 4);
  const startup = await commandLineStartup(rounds);
  const lines = [
    `one step, ${steps} in sequence, median of ${rounds} rounds side by side`,
    `(${machine()}, claims and fsync on)`,
    ...contestants.map(
      (who) => `  ${who.name.padEnd(24)} ${costText(who)}   ${askedText(who, steps)}`,
    ),
    ...skipped.map(({ name, why }) => `  ${name.padEnd(24)} skipped: ${why}`),
    `decision to next step      ${ms(median(decision)).padStart(10)}   ` +
      `median of ${decision.length}`,
    ...Object.entries(startup).map(
      ([name, value]) =>
        `runbook ${name.padEnd(18)} ${ms(value).padStart(10)}   median of ${rounds}`,
    ),
  ];
  return {
    lines,
    result: { steps, rounds, contestants, decisionToNextStepMs: median(decision), startup },
  };
}

async function deploy(): Promise<{ lines: string[]; result: object }> {
  const before = machine();
  const proxy = values.proxy === 'caddy' ? 'caddy' : proxyHere();
  const result = await deployBench({ rounds, proxy, windowSeconds: 5, rate: 200 });
  return { lines: [...deployText(result), `(${before}; at the end ${machine()})`], result };
}

async function restore(): Promise<{ lines: string[]; result: object }> {
  const before = machine();
  const proxy = proxyHere();
  const result = await restoreBench(rounds, Number(values.megabytes), proxy);
  return { lines: [...restoreText(result), `(${before}; at the end ${machine()})`], result };
}

/** On the real engine, with servers of its own. */
async function onEngine(
  measure: (
    bench: Bench,
    services: Services,
    folder: string,
  ) => Promise<{ lines: string[]; result: object }>,
): Promise<{ lines: string[]; result: object }> {
  const folder = await mkdtemp(join(tmpdir(), 'runbook-bench-'));
  const starting = startServices({ home: folder, databases: ['runbook', 'dbos'] });
  let bench: Bench | undefined;
  const cleanUp = async (): Promise<void> => {
    await bench?.stop();
    await starting.then((services) => services.stop()).catch(() => undefined);
    await rm(folder, { recursive: true, force: true });
  };
  const takeBack = cleanUpOnStop(cleanUp);
  try {
    const services = await starting;
    bench = await Bench.start(services, folder, [...new Set([warmUpSteps, steps])]);
    return await measure(bench, services, folder);
  } finally {
    await cleanUp();
    takeBack();
  }
}

const alone: Record<string, () => Promise<{ lines: string[]; result: object }>> = {
  deploy,
  restore,
};
const { lines, result } = await (
  alone[positionals[0] ?? ''] ?? (() => onEngine(isLong ? long : short))
)();
process.stdout.write(`${lines.join('\n')}\n`);
if (values.json)
  await writeFile(values.json, `${JSON.stringify({ machine: machine(), ...result }, null, 2)}\n`);
