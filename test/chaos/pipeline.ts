import { parseArgs } from 'node:util';
import { chaos, type ChaosResult } from '../../examples/demo/chaos.js';
import { tell } from './tell.js';

/*
 * npm run chaos:pipeline [-- --rounds 100 --seed 1 --rows 8000 --batch 500]: the pipeline dies at
 * random places and is recovered through the runbook, whose worker dies in every third round. Then
 * a few rounds without the runbook, to show that the count can find something.
 */
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '100' },
    seed: { type: 'string', default: String(Date.now() % 100_000) },
    rows: { type: 'string', default: '8000' },
    batch: { type: 'string', default: '500' },
  },
});
const options = {
  rounds: Number(values.rounds),
  seed: Number(values.seed),
  rows: Number(values.rows),
  batch: Number(values.batch),
  say: (line: string) => void process.stdout.write(`${line}\n`),
};
process.stdout.write(
  `seed ${options.seed}: repeat with npm run chaos:pipeline -- --rounds ${options.rounds} --seed ${options.seed}\n`,
);
const guarded = await chaos(options);
const unguarded = await chaos({
  ...options,
  rounds: Math.min(10, options.rounds),
  unguarded: true,
});
report('through the runbook', guarded);
report('restarted naively', unguarded);
const clean = guarded.right === guarded.rounds && guarded.rowsTwice === 0 && guarded.rowsLost === 0;
process.exitCode = clean && unguarded.right < unguarded.rounds ? 0 : 1;

function report(how: string, result: ChaosResult): void {
  tell(
    `pipeline, ${how}: ${result.right} of ${result.rounds} right, ${result.rowsTwice} rows twice, ${result.rowsLost} lost; ` +
      `${result.pipelineKills} pipelines and ${result.workerKills} workers killed in ${result.seconds} s`,
  );
}
