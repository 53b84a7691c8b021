import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startServices } from '../embedded/services.js';
import { commandLineStartup } from './command-line.js';
import { decisionToNextStep } from './decision.js';
import { Bench } from './engine.js';
import { median } from './median.js';
import { askedText, costText, stepCost } from './step-cost.js';

/*
 * Costs measured side by side in one run, on a tuned server with its database file and PostgreSQL with fsync on.
 *   npm run bench -- [--steps 200] [--rounds 5] [--json FILE]
 */
const { values } = parseArgs({
  options: { steps: { type: 'string', default: '200' }, rounds: { type: 'string', default: '5' }, json: { type: 'string' } },
});
const steps = Number(values.steps);
const rounds = Number(values.rounds);
const folder = await mkdtemp(join(tmpdir(), 'runbook-bench-'));
const services = await startServices({ home: folder });
const bench = await Bench.start(services, folder, [steps]);
try {
  const cost = await stepCost(bench, steps, rounds);
  const contestants = [cost.bare, cost.ours];
  const decision = await decisionToNextStep(bench, rounds * 4);
  const startup = await commandLineStartup(rounds);
  const result = {
    node: process.version,
    cpus: cpus().length,
    load: loadavg().map((value) => value.toFixed(1)),
    steps,
    rounds,
    contestants,
    decisionToNextStepMs: median(decision),
    startup,
  };
  const ms = (value: number): string => `${value.toFixed(1)} ms`;
  const lines = [
    `one step, ${steps} in sequence, median of ${rounds} rounds side by side`,
    `(${result.node}, ${result.cpus} cpus, load ${result.load.join(' ')}, claims and fsync on)`,
    ...contestants.map((who) => `  ${who.name.padEnd(24)} ${costText(who)}   ${askedText(who, steps)}`),
    `decision to next step      ${ms(result.decisionToNextStepMs).padStart(10)}   median of ${decision.length}`,
    ...Object.entries(startup).map(
      ([name, value]) => `runbook ${name.padEnd(18)} ${ms(value).padStart(10)}   median of ${rounds}`,
    ),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
  if (values.json) await writeFile(values.json, `${JSON.stringify(result, null, 2)}\n`);
} finally {
  await bench.stop();
  await services.stop();
  await rm(folder, { recursive: true, force: true });
}
