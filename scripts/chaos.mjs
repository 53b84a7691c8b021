/**
 * The long forms of test/chaos, one after the other, each on servers of its own, and what each
 * found in one table at the end. Their short forms are part of `npm test`.
 *
 *   npm run chaos                    all of them
 *   npm run chaos -- kills zombies   only these
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { onStopRequest } from '../dist/embedded/stop-request.js';

process.chdir(resolve(import.meta.dirname, '..'));

/** @type {Record<string, { what: string, run: string[] }>} */
const forms = {
  kills: { what: 'workers killed at any moment', run: test('kills') },
  points: { what: 'workers that die at named points', run: test('kill-points') },
  own: { what: "SQL on the record's own database", run: test('own-record') },
  trees: { what: 'process trees that do not listen, a command of a minute', run: test('trees') },
  temporal: { what: 'the Temporal server killed', run: test('temporal-killed') },
  record: { what: 'the PostgreSQL of the record restarted', run: test('record-restarted') },
  zombies: { what: 'workers that come back', run: test('zombies') },
  messages: { what: 'workers killed while they tell people', run: test('messages') },
  duplicates: { what: 'starts and decisions many times at once', run: test('duplicates') },
  size: { what: 'long loops, large outputs, many refusals', run: test('history-size') },
  handover: { what: 'one release takes over from another', run: test('handover') },
  long: {
    what: 'a worker with a dozen long runs killed',
    run: ['scripts/test.mjs', 'test/chaos/long-runs.long'],
  },
  model: {
    what: 'random plans against a model that knows nothing of the engine',
    run: ['scripts/test.mjs', 'test/driver/plan-model'],
  },
  weeks: { what: 'gates that wait for weeks', run: test('long-wait') },
  deployments: {
    what: 'good and bad releases under load',
    run: ['scripts/test.mjs', 'test/deployment'],
  },
  releases: {
    what: '200 good releases behind the embedded default, 100,000 requests',
    run: ['scripts/test.mjs', 'test/web-system/many-releases.long'],
  },
  disasters: {
    what: 'a site lost at any moment, backups broken',
    run: ['scripts/test.mjs', 'test/disaster/disasters.long'],
  },
  executor: {
    what:
      'the executor lost with its site, another one from ' +
      'a clone without a network (after `npm run offline`)',
    run: ['scripts/test.mjs', 'test/disaster/executor'],
  },
  split: {
    what: 'the old site back in the middle of a recovery',
    run: ['scripts/test.mjs', 'test/disaster/split-brain'],
  },
  deaths: {
    what: 'worker, Temporal and record die during a recovery',
    run: ['scripts/test.mjs', 'test/disaster/kills.long'],
  },
  cloud: {
    what: 'a site recovered in Kubernetes, the cloud dies half-way',
    run: ['scripts/test.mjs', 'test/kubernetes-site/recovery.long'],
  },
  pipelines: {
    what: 'pipelines that are only declared killed, damaged, poisoned',
    run: test('pipelines'),
  },
  restarts: {
    what: 'services restarted while their jobs are recovered',
    run: ['scripts/test.mjs', 'test/recovery/restarted-service', 'test/recovery/late-recovery'],
  },
  outage: {
    what: 'an Airflow with many failed DAG runs, deferred sensors, DAGs that have changed',
    run: ['scripts/test.mjs', 'test/pipeline/airflow-outage.long'],
  },
  pipeline: {
    what: 'pipeline-recovery, pipeline and worker killed',
    run: ['dist/test/chaos/pipeline.js'],
  },
};

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in forms));
if (unknown.length > 0) {
  process.stderr.write(
    `There is no chaos test ${unknown.join(', ')}. There are: ${Object.keys(forms).join(', ')}.\n`,
  );
  process.exit(2);
}

let child;
let stopped = false;
onStopRequest(() => {
  stopped = true;
  child?.kill('SIGTERM');
});

const folder = mkdtempSync(join(tmpdir(), 'runbook-chaos-'));
const rows = [];
for (const [name, { what, run }] of Object.entries(forms)) {
  if (stopped || (wanted.length > 0 && !wanted.includes(name))) continue;
  process.stdout.write(`\n== ${name}: ${what}\n`);
  const results = join(folder, name);
  const started = performance.now();
  child = spawn(process.execPath, run, {
    stdio: 'inherit',
    env: { ...process.env, RUNBOOK_CHAOS: 'long', RUNBOOK_CHAOS_RESULTS: results },
  });
  const code = await new Promise((done) => child.once('close', done));
  rows.push({
    name,
    passed: code === 0,
    seconds: Math.round((performance.now() - started) / 1_000),
    said: read(results),
  });
}
rmSync(folder, { recursive: true, force: true });

process.stdout.write('\n');
for (const { name, passed, seconds, said } of rows) {
  process.stdout.write(
    `${passed ? 'passed' : 'FAILED'}  ${name.padEnd(11)}${String(seconds).padStart(6)} s  ` +
      `${said[0] ?? 'said nothing'}\n`,
  );
  for (const line of said.slice(1)) process.stdout.write(`${' '.repeat(29)}${line}\n`);
}
if (stopped || rows.some(({ passed }) => !passed)) process.exitCode = 1;

/** Patterns of jest: the folder and the name's end keep others out. */
function test(file) {
  return ['scripts/test.mjs', `test/chaos/${file}.test.ts`];
}

function read(file) {
  try {
    return readFileSync(file, 'utf8').split('\n').filter(Boolean);
  } catch {
    return [];
  }
}
