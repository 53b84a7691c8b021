import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { RunView } from '../../common/view.js';
import type { PipelineProcess } from '../../lab/pipeline/client.js';
import type { Faults } from '../../lab/pipeline/faults.js';
import type { Summary } from '../../lab/pipeline/source.js';
import { programFolder } from '../../worker/config.js';
import { Operator } from './cli.js';
import { exitWith } from './exit.js';
import { chapter, elapsedSeconds, say, show } from './say.js';
import { withStack, type Stack } from './stack.js';
import { until } from '../../lab/until.js';

const usage = `The demo: a real pipeline dies, and a durable, approved run brings it back.

  npm run demo                         the whole story
  npm run demo -- --report FILE        also write pids, rows, sums and checksums as JSON
  npm run demo -- --sabotage           the restart is left out: the proof must fail, exit 1
  npm run demo -- --keep               leave everything running at the end, to look around`;

/** Reports outlive the demo's folder. */
const reportFolder = join(programFolder, '..', '.runbook', 'reports');

interface Facts {
  pipelineKilled: number;
  workerKilled: number;
  clean: Summary;
  recovered: Summary;
  /** File of the run's report, which stays. */
  reportFile: string;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      report: { type: 'string' },
      sabotage: { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(`${usage}\n`);
    return 0;
  }
  // Sabotage: the service says that it restarted the job, and does nothing.
  const faults: Faults = values.sabotage ? { ignoreRestart: true } : {};
  const { proved, reportFile } = await withStack(async (stack) => {
    const facts = await tell(stack, await stack.startPipeline(faults), faults);
    const proved = prove(facts);
    if (values.report) await writeReport(values.report, facts, proved);
    if (values.keep) await stayUp(stack);
    return { proved, reportFile: facts.reportFile };
  });
  farewell(reportFile);
  return proved ? 0 : 1;
}

/** Nothing that the demo started is there any more: what is, and how to go on. */
function farewell(reportFile: string): void {
  chapter('All that the demo started has ended, the Temporal UI too. What stays, and what next:');
  say(`the report of the run: ${reportFile}`);
  say('to look around in it all, the Temporal UI included:');
  show('npm run demo -- --keep');
  say('to recover a pipeline yourself, with a second terminal for the second command:');
  show('./runbook dev --example pipeline');
  show("./runbook start pipeline-recovery --input pipeline=flights --reason 'late' --watch");
  say('README.md goes on from there');
}

/** The story, in order. */
async function tell(stack: Stack, pipeline: PipelineProcess, faults: Faults): Promise<Facts> {
  chapter('1. A pipeline with real data: 231,083 flights through extract, clean, transform, load');
  const first = await pipeline.startJob();
  await pipeline.waitForJob(first, ['completed']);
  const clean = await pipeline.summary();
  say(
    `clean run: ${clean.rows} rows, sum of distances ` +
      `${clean.sumDistance}, key checksum ${clean.checksum}`,
  );

  chapter('2. The same again, and this time it dies in mid-stage');
  await pipeline.setFaults({ ...faults, slowMs: 150 });
  const job = await pipeline.startJob({ reset: true });
  await pipeline.waitForProgress('transform', 8);
  const pipelineKilled = await pipeline.jobPid(job);
  process.kill(pipelineKilled, 'SIGKILL');
  await pipeline.waitForJob(job, ['failed']);
  say(`kill -9 of the pipeline's process ${pipelineKilled}: job ${job} failed in stage transform`);

  chapter('3. The operator on call starts the runbook');
  const worker = await stack.startWorker();
  const operator = new Operator('oncall', stack.cliEnv);
  const approver = new Operator('data-owner', stack.cliEnv);
  const started = await operator.run(
    'start',
    'pipeline-recovery',
    '--input',
    'pipeline=flights',
    '--reason',
    'nightly load is late',
    '--yes',
  );
  if (started.exitCode !== 0) throw new Error(`start failed: ${started.stderr || started.stdout}`);
  show(started.stdout);
  await operator.run('wait', '@latest', '--for', 'decision', '--timeout', '60s');
  const run = await operator.json<RunView>([0, 8], 'status', '@latest');
  say('the run waits for a decision; this is what the approver sees:');
  show((await approver.run('status', run.id)).stdout);

  const own = await operator.run('approve', run.id, '--reason', 'I want it done', '--yes');
  say(`the requester tries to approve it: refused, exit ${own.exitCode}`);
  show(own.stderr);
  const approved = await approver.run(
    'approve',
    run.id,
    '--reason',
    'verdict and checkpoint are plausible',
    '--yes',
  );
  if (approved.exitCode !== 0)
    throw new Error(`approve failed: ${approved.stderr || approved.stdout}`);
  say('a second operator approves it by signal:');
  show(approved.stdout);

  chapter('4. The worker dies too, in mid-recovery');
  const stepOf = async (id: string) =>
    (await operator.json<RunView>([0, 1, 8], 'status', run.id)).steps.find(
      (step) => step.id === id,
    );
  await until(
    'the restarted job to be followed',
    async () => (await stepOf('follow'))?.state !== 'pending',
  );
  const workerKilled = worker.pid;
  await worker.kill9();
  say(
    `kill -9 of the worker ${workerKilled}; its run is ` +
      'in the Temporal server, its record in PostgreSQL',
  );
  say(`another worker ${(await stack.startWorker()).pid} takes over`);
  const done = await operator.run('wait', run.id, '--for', 'done', '--timeout', '120s');
  say(`the run has ended, exit ${done.exitCode}:`);
  show((await operator.run('status', run.id)).stdout);

  await mkdir(reportFolder, { recursive: true });
  const reportFile = join(reportFolder, `${run.id}.html`);
  await operator.run('report', run.id, '-o', reportFile);
  const recovered = await pipeline.summary();
  return { pipelineKilled, workerKilled, clean, recovered, reportFile };
}

/** Narrow enough for a terminal of 80 columns. */
function proofLine(mark: string, what: string, clean: string, recovered: string): string {
  return `${mark} ${what.padEnd(16)} ${clean.padStart(25)} ${recovered.padStart(25)}`;
}

/** The end state against the clean run; says both. */
function prove({ clean, recovered }: Facts): boolean {
  chapter('5. The proof');
  const rows: [string, string | number, string | number][] = [
    ['rows', clean.rows, recovered.rows],
    ['sum of distances', clean.sumDistance, recovered.sumDistance],
    ['sum of delays', clean.sumDelay, recovered.sumDelay],
    ['key checksum', clean.checksum, recovered.checksum],
    ['keys twice', 0, recovered.duplicates],
    ['keys lost', 0, recovered.missing],
  ];
  show(proofLine(' ', '', 'clean run', 'recovered'));
  for (const [what, expected, found] of rows) {
    const mark = String(expected) === String(found) ? '✓' : '✗';
    show(proofLine(mark, what, String(expected), String(found)));
  }
  const proved = rows.every(([, expected, found]) => String(expected) === String(found));
  say(
    proved
      ? 'the recovered data equals the clean run'
      : 'the recovered data DIFFERS from the clean run',
  );
  return proved;
}

async function writeReport(file: string, facts: Facts, proved: boolean): Promise<void> {
  await writeFile(
    file,
    `${JSON.stringify({ proved, seconds: elapsedSeconds(), ...facts }, null, 2)}\n`,
  );
  say(`written: ${file}`);
}

/** Ctrl-C ends it, as it ends the demo at any time. */
async function stayUp(stack: Stack): Promise<never> {
  say('everything stays up until Ctrl-C. Look around in another terminal:');
  show(
    stack.announce()
      ? ['./runbook runs', './runbook status @latest', './runbook open'].join('\n')
      : 'A runbook dev runs in this clone, and the command line finds that one. Stop it ' +
          'first, or set RUNBOOK_HOME to another folder for both.',
  );
  return new Promise<never>(() => undefined);
}

exitWith(main());
