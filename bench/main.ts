import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startServices } from '../embedded/services.js';
import { commandLineStartup } from './command-line.js';
import { decisionToNextStep } from './decision.js';
import { Bench } from './engine.js';
import { median } from './median.js';
import { stepCost } from './step-cost.js';

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
const bench = await Bench.start(services, folder);
try {
  const cost = await stepCost(bench, steps, rounds);
  const decision = await decisionToNextStep(bench, rounds * 4);
  const startup = await commandLineStartup(rounds);
  const result = {
    node: process.version,
    cpus: cpus().length,
    steps,
    rounds,
    bareMsPerStep: median(cost.bare),
    ourMsPerStep: median(cost.ours),
    ratio: median(cost.ratios),
    eventsPerStep: cost.eventsPerStep,
    decisionToNextStepMs: median(decision),
    startup,
  };
  const ms = (value: number): string => `${value.toFixed(1)} ms`;
  process.stdout.write(
    [
      `one step, ${steps} in sequence, median of ${rounds} rounds side by side (${result.node}, ${result.cpus} cpus)`,
      `  bare Temporal activity   ${ms(result.bareMsPerStep).padStart(10)}`,
      `  our step                 ${ms(result.ourMsPerStep).padStart(10)}   ${result.ratio.toFixed(2)}x, ${result.eventsPerStep.toFixed(1)} history events`,
      `decision to next step      ${ms(result.decisionToNextStepMs).padStart(10)}   median of ${decision.length}`,
      ...Object.entries(startup).map(
        ([name, value]) => `runbook ${name.padEnd(18)} ${ms(value).padStart(10)}   median of ${rounds}`,
      ),
      '',
    ].join('\n'),
  );
  if (values.json) await writeFile(values.json, `${JSON.stringify(result, null, 2)}\n`);
} finally {
  await bench.stop();
  await services.stop();
  await rm(folder, { recursive: true, force: true });
}
