import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import type { RunView } from '../common/view.js';
import { Operator } from '../examples/demo/cli.js';
import { withStack, type Stack } from '../examples/demo/stack.js';
import { Load } from '../lab/web-system/load-client.js';
import type { ProxyKind } from '../lab/web-system/proxy.js';
import { publishRelease, release } from '../lab/web-system/releases.js';
import { getAttempts, getRun, openPool } from '../store/index.js';
import { median } from './median.js';

export interface DeployOptions {
  /** Deployments, one after the other. */
  rounds: number;
  proxy: ProxyKind;
  /** Of one measurement of the runbook, in seconds; the shift has three of them. */
  windowSeconds: number;
  /** Users' requests a second. */
  rate: number;
}

/** What users saw of one stretch; times in milliseconds. */
export interface Stretch {
  requests: number;
  failures: number;
  p50: number;
  p95: number;
  p99: number;
}

/**
 * `steady`: the old version has all traffic, the new one stands beside it, and both are looked at;
 * `shift`: 10, 50, 100 % to the new version; `after`: it has all traffic.
 */
const stretches = ['steady', 'shift', 'after'] as const;
export type Round = Record<(typeof stretches)[number], Stretch>;

export interface DeployResult extends DeployOptions {
  rounds: number;
  each: Round[];
  medians: Round;
  /** Medians over the rounds: p99 of the shift against the steady state of the same round. */
  p99Ratio: number;
  p99MoreMs: number;
  within: boolean;
}

const mostRatio = 1.2;
const mostMoreMs = 5;
const pollMs = 100;

/** What users see while a release is deployed, beside what they saw just before. */
export function deployBench(options: DeployOptions): Promise<DeployResult> {
  return withStack(async (stack) => {
    const system = await stack.startWebSystem(options.proxy);
    await stack.startWorker();
    const users = Load.start({
      url: system.proxy.url,
      rate: options.rate,
      connections: 8,
      requests: 2_000_000,
      seconds: 3_600,
      // Each change of Caddy's configuration closes idle connections: a client may repeat what RFC
      // 9110 §9.2.2 allows, orders it may not.
      ...(options.proxy === 'caddy' ? { orders: 0, retryOnce: true } : {}),
    });
    const pool = openPool(stack.cliEnv['RUNBOOK_DATABASE_URL'] ?? '');
    try {
      const each: Round[] = [];
      for (let round = 0; round <= options.rounds; round += 1) {
        const generation = round % 2 === 0 ? 2 : 3;
        const version = `${generation}.3.${round}`;
        publishRelease(system.files.releases, release(version, generation));
        const run = await begin(stack, version, options.windowSeconds);
        const seen = await follow(pool, run, users, version);
        // The first one warms up what is measured.
        if (round > 0) each.push(seen);
      }
      await users.stop();
      return { ...options, each, ...summed(each) };
    } finally {
      users.kill();
      await pool.end();
    }
  });
}

/** Starts the deployment and has it approved. @returns the run's id */
async function begin({ cliEnv }: Stack, version: string, windowSeconds: number): Promise<string> {
  const operator = new Operator('oncall', cliEnv);
  const approver = new Operator('release-manager', cliEnv);
  const window = `${windowSeconds}s`;
  const inputs = {
    service: 'shop',
    version,
    window,
    watch: window,
    max_latency: '10',
    contract: 'later',
  };
  const given = Object.entries(inputs).flatMap(([name, value]) => ['--input', `${name}=${value}`]);
  const started = await operator.run(
    'start',
    'zero-downtime-deployment',
    ...given,
    '--confirm',
    'shop',
    '--yes',
  );
  if (started.exitCode !== 0) throw new Error(`start failed: ${started.stderr || started.stdout}`);
  await operator.run('wait', '@latest', '--for', 'decision', '--timeout', '120s');
  const { id } = await operator.json<RunView>([0, 1, 8], 'status', '@latest');
  const approved = await approver.run('approve', id, '--reason', 'bench', '--yes');
  if (approved.exitCode !== 0)
    throw new Error(`approve failed: ${approved.stderr || approved.stdout}`);
  return id;
}

/**
 * Tells the users' phases apart by what the record says of the run.
 * @throws Error when it ends otherwise than well
 */
async function follow(pool: pg.Pool, run: string, users: Load, version: string): Promise<Round> {
  let now = '';
  for (;;) {
    const attempts = await getAttempts(pool, run);
    const begun = (step: string): boolean => attempts.some((each) => each.step === step);
    const phase = begun('retire/drain')
      ? 'end'
      : begun('watch/measure')
        ? 'after'
        : begun('shift/rehearse')
          ? 'shift'
          : begun('shift/baseline')
            ? 'steady'
            : 'before';
    if (phase !== now) users.phase(`${version}-${phase}`);
    now = phase;
    const view = await getRun(pool, run);
    if (view?.endedAt || (view?.waitingFor.length ?? 0) > 0) {
      if (view?.state !== 'succeeded')
        throw new Error(
          `the deployment of ${version} is ${view?.state}: ${view?.problem?.message}`,
        );
      break;
    }
    await delay(pollMs);
  }
  const { phases } = await users.report();
  const of = (name: string): Stretch => {
    const { requests = 0, failures = 0, p50, p95, p99 } = phases[`${version}-${name}`] ?? {};
    return { requests, failures, p50: p50 ?? NaN, p95: p95 ?? NaN, p99: p99 ?? NaN };
  };
  return { steady: of('steady'), shift: of('shift'), after: of('after') };
}

function summed(
  each: readonly Round[],
): Pick<DeployResult, 'medians' | 'p99Ratio' | 'p99MoreMs' | 'within'> {
  const over = (stretch: keyof Round): Stretch => {
    const of = (what: keyof Stretch): number => median(each.map((round) => round[stretch][what]));
    const failures = each.reduce((total, round) => total + round[stretch].failures, 0);
    return { requests: of('requests'), failures, p50: of('p50'), p95: of('p95'), p99: of('p99') };
  };
  const p99Ratio = median(each.map(({ steady, shift }) => shift.p99 / steady.p99));
  const p99MoreMs = median(each.map(({ steady, shift }) => shift.p99 - steady.p99));
  return {
    medians: { steady: over('steady'), shift: over('shift'), after: over('after') },
    p99Ratio,
    p99MoreMs,
    within: p99Ratio <= mostRatio || p99MoreMs <= mostMoreMs,
  };
}

/** The result in lines. */
export function deployText({
  proxy,
  rounds,
  rate,
  medians,
  p99Ratio,
  p99MoreMs,
  within,
  each,
}: DeployResult): string[] {
  const ms = (value: number): string => `${value.toFixed(1)} ms`.padStart(9);
  return [
    `what users see of a deployment behind ${proxy}, ${rate} requests a second wanted, ` +
      `medians of ${rounds} deployments`,
    ...stretches.map((name) => {
      const { requests, failures, p50, p95, p99 } = medians[name];
      return (
        `  ${name.padEnd(8)} ${String(requests).padStart(6)} requests, ${failures} failed in ` +
        `all   p50 ${ms(p50)}   p95 ${ms(p95)}   p99 ${ms(p99)}`
      );
    }),
    '  p99 of the shift against the steady state before it: ' +
      `${p99Ratio.toFixed(2)}x, ${p99MoreMs.toFixed(1)} ms more (each: ` +
      `${each.map(({ steady, shift }) => (shift.p99 / steady.p99).toFixed(2)).join(', ')}); ` +
      `${within ? 'within' : 'NOT within'} ${mostRatio}x or ` +
      `${mostMoreMs} ms`,
  ];
}
