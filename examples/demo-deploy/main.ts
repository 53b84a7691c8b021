import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { RunView } from '../../common/view.js';
import { programFolder } from '../../worker/config.js';
import { Operator } from '../demo/cli.js';
import { exitWith } from '../demo/exit.js';
import { chapter, elapsedSeconds, say, show } from '../demo/say.js';
import { withStack, type Stack } from '../demo/stack.js';
import { until } from '../../lab/until.js';
import { Load } from '../../lab/web-system/load-client.js';
import type { LoadReport } from '../../lab/web-system/load-report.js';
import { proxyHere, type ProxyKind } from '../../lab/web-system/proxy.js';
import type { WebSystem } from '../../lab/web-system/system.js';

const usage = `The deployment demo: a release is deployed under load, then a bad one is rolled back by itself.

  npm run demo:deploy                       the whole story
  npm run demo:deploy -- --report FILE      also write requests, failures and times as JSON
  npm run demo:deploy -- --proxy caddy      behind Caddy; HAProxy unless said, where it can be had
  npm run demo:deploy -- --quick            measured for a second at each share instead of three
  npm run demo:deploy -- --sabotage         the bad release is let through: users notice, the proof fails, exit 1`;

const reportFolder = join(programFolder, '..', '.runbook', 'reports');
/**
 * Users' requests that a bad release may fail before it is found: it has a tenth of them for a few
 * seconds.
 */
const mostHarmed = 0.02;
const bad = '3.0.1-fails';
/**
 * How many times the p95 of the running release a new one may take here. The bad one is not slow,
 * and a machine that shows a demo often does other things too.
 */
const maxLatency = 10;

interface Facts {
  proxy: ProxyKind;
  /** Releases that serve users after each deployment, as the proxy and the instances say. */
  serving: { good: string; bad: string };
  states: { good: string; bad: string };
  users: LoadReport;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      report: { type: 'string' },
      proxy: { type: 'string' },
      quick: { type: 'boolean', default: false },
      sabotage: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(`${usage}\n`);
    return 0;
  }
  const proxy = values.proxy === 'caddy' ? 'caddy' : proxyHere();
  return withStack(async (stack) => {
    const facts = await tell(stack, proxy, values);
    const proved = prove(facts);
    if (values.report) {
      await writeFile(
        values.report,
        `${JSON.stringify({ proved, seconds: elapsedSeconds(), ...facts }, null, 2)}\n`,
      );
      say(`written: ${values.report}`);
    }
    return proved ? 0 : 1;
  });
}

/** The story, in order. */
async function tell(
  stack: Stack,
  proxy: ProxyKind,
  { quick, sabotage }: { quick: boolean; sabotage: boolean },
): Promise<Facts> {
  chapter(`1. A web application in release 1.0.0 behind ${proxy}, and its users`);
  const system = await stack.startWebSystem(proxy);
  const worker = await stack.startWorker();
  say(`users come in at ${system.proxy.url}; worker ${worker.pid}`);
  const users = Load.start({
    url: system.proxy.url,
    rate: quick ? 150 : 300,
    connections: 8,
    // Each change of Caddy's configuration closes idle connections: a client may repeat what RFC
    // 9110 §9.2.2 allows, orders it may not.
    ...(proxy === 'caddy' ? { orders: 0, retryOnce: true } : {}),
  });
  try {
    users.phase('before');
    const some = quick ? 300 : 1_000;
    await until(`${some} requests`, async () => (await users.report()).requests >= some);
    const operator = new Operator('oncall', stack.cliEnv);
    const approver = new Operator('release-manager', stack.cliEnv);

    chapter('2. Release 2.0.0: a changed schema, 10, 50, 100 % of the traffic, measured at each');
    users.phase('good-release');
    const pace = quick ? { window: '1s', watch: '1s', min_requests: '10' } : {};
    const good = await deploy(operator, approver, '2.0.0', pace);
    const afterGood = await serving(system);
    say(`${good.state}; users are served by ${afterGood}`);

    chapter(`3. Release ${bad}: healthy, and then it fails one request in ten`);
    users.phase('bad-release');
    // Sabotage: limits that no release can break.
    const blind = sabotage ? { max_error_rate: '1', max_latency: '1000' } : {};
    const poor = await deploy(operator, approver, bad, { ...pace, ...blind });
    const afterBad = await serving(system);
    say(
      `${poor.state}: ${poor.problem?.message ?? 'nobody found anything'}; ` +
        `users are served by ${afterBad}`,
    );
    users.phase('after');
    await mkdir(reportFolder, { recursive: true });
    const reportFile = join(reportFolder, `${poor.id}.html`);
    await operator.run('report', poor.id, '-o', reportFile);
    say(`report: ${reportFile}`);
    return {
      proxy,
      serving: { good: afterGood, bad: afterBad },
      states: { good: good.state, bad: poor.state },
      users: await users.stop(),
    };
  } finally {
    users.kill();
  }
}

async function deploy(
  operator: Operator,
  approver: Operator,
  version: string,
  further: Record<string, string>,
): Promise<RunView> {
  const inputs = Object.entries({
    service: 'shop',
    version,
    window: '3s',
    watch: '3s',
    min_requests: '50',
    max_latency: String(maxLatency),
    contract: 'later',
    ...further,
  }).flatMap(([name, value]) => ['--input', `${name}=${value}`]);
  const reason = ['--reason', `release ${version}`, '--confirm', 'shop', '--yes'];
  const started = await operator.run('start', 'zero-downtime-deployment', ...inputs, ...reason);
  if (started.exitCode !== 0) throw new Error(`start failed: ${started.stderr || started.stdout}`);
  await operator.run('wait', '@latest', '--for', 'decision', '--timeout', '60s');
  const asking = await operator.json<RunView>([0, 1, 8], 'status', '@latest');
  const { id } = asking;
  if (asking.endedAt !== null) {
    show((await operator.run('status', id)).stdout);
    return asking;
  }
  const approved = await approver.run(
    'approve',
    id,
    '--reason',
    'change log and backup are fine',
    '--yes',
  );
  if (approved.exitCode !== 0)
    throw new Error(`approve failed: ${approved.stderr || approved.stdout}`);
  say(
    'approved by a second operator, who saw the change ' +
      'log, the backup and the rehearsed migrations',
  );
  await operator.run('wait', id, '--for', 'done', '--timeout', '180s');
  show((await operator.run('status', id)).stdout);
  return operator.json<RunView>([0, 1, 8], 'status', id);
}

/** Asked at the proxy, not in what the run believes. */
async function serving(system: WebSystem): Promise<string> {
  const { servers } = await system.proxy.traffic.observe();
  const used = servers.filter(({ weight, address }) => weight > 0 && address !== null);
  const versions = used.map(async ({ address, weight }) => {
    const response = await fetch(`http://${address}/version`);
    return `${((await response.json()) as { version: string }).version} (weight ${weight})`;
  });
  return (await Promise.all(versions)).join(', ');
}

/** What users saw, against what was promised; says both. */
function prove({ serving: found, states, users }: Facts): boolean {
  chapter('4. The proof: what users saw, every answer checked');
  for (const [name, phase] of Object.entries(users.phases)) {
    const time = (value: number | null): string =>
      (value === null ? '-' : `${value.toFixed(1)} ms`).padStart(9);
    show(
      `${name.padEnd(14)} ${String(phase.requests).padStart(6)} requests, ` +
        `${String(phase.failures).padStart(4)} failed   p50 ${time(phase.p50)}   p95 ` +
        `${time(phase.p95)}   p99 ${time(phase.p99)}`,
    );
  }
  if (users.repeated > 0)
    show(`${users.repeated} requests were sent a second time, as RFC 9110 allows`);
  if (users.lost > 0) show(`${users.lost} requests were answered by no release at all`);
  const failures = (name: string): number => users.phases[name]?.failures ?? 0;
  const harmed = failures('bad-release') / Math.max(1, users.phases['bad-release']?.requests ?? 0);
  const claims: [string, boolean][] = [
    [
      'the good release is deployed, and nobody noticed',
      states.good === 'succeeded' && failures('good-release') === 0,
    ],
    ['it serves everybody', found.good.startsWith('2.0.0 ')],
    [
      'the bad release was rolled back by itself',
      states.bad === 'rolled-back' && found.bad.startsWith('2.0.0 '),
    ],
    [
      `it failed ${(100 * harmed).toFixed(2)} % of the requests while it was tried`,
      harmed <= mostHarmed,
    ],
    [
      'before and after, nobody noticed anything',
      failures('before') + failures('after') + failures('start') === 0,
    ],
  ];
  for (const [claim, holds] of claims) show(`${holds ? '✓' : '✗'} ${claim}`);
  const proved = claims.every(([, holds]) => holds);
  say(proved ? 'users saw a deployment without downtime' : 'users SAW the deployments');
  return proved;
}

exitWith(main());
