import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { RecoveryView, RunView } from '../../common/view.js';
import { programFolder } from '../../worker/config.js';
import { Operator } from '../demo/cli.js';
import { exitWith } from '../demo/exit.js';
import { chapter, elapsedSeconds, say, show } from '../demo/say.js';
import { withStack, type Stack } from '../demo/stack.js';
import { until } from '../../lab/until.js';
import { proxyHere, type ProxyKind } from '../../lab/web-system/proxy.js';
import type { Comparison } from '../../lab/web-system/sites/compare.js';
import { dropFile, dropSegment, walSegments } from '../../lab/web-system/sites/vault-faults.js';
import type { WriterReport } from '../../lab/web-system/sites/writer-client.js';

const usage = `The disaster demo: a site dies under load, and the whole system comes up at another one.

  npm run demo:disaster                     the whole story
  npm run demo:disaster -- --report FILE    also write what was measured as JSON
  npm run demo:disaster -- --proxy caddy    behind Caddy; HAProxy unless said, where it can be had
  npm run demo:disaster -- --sabotage       a WAL segment and a file vanish from the backups: the proof fails, exit 1`;

const reportFolder = join(programFolder, '..', '.runbook', 'reports');
/**
 * Milliseconds before the failure in which a write may have been acknowledged that no WAL had left
 * the site with.
 */
const mostLostMs = 5_000;

interface Facts {
  proxy: ProxyKind;
  state: RunView['state'];
  recovery: RecoveryView | null;
  /** What the run says cannot be had. */
  told: string;
  /** ISO time of the failure, as those know who caused it. */
  failedAt: string;
  /** The users' journal against the recovered site, write by write. */
  found: Comparison;
  users: WriterReport;
  serving: string[];
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      report: { type: 'string' },
      proxy: { type: 'string' },
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
    const facts = await tell(stack, proxy, values.sabotage);
    const proved = prove(facts);
    if (values.report) {
      const { found, ...rest } = facts;
      const counts = { ...found, lost: found.lost.length, wrong: found.wrong.length };
      const seconds = elapsedSeconds();
      const report = { proved, seconds, ...rest, found: counts, lost: found.lost };
      await writeFile(values.report, `${JSON.stringify(report, null, 2)}\n`);
      say(`written: ${values.report}`);
    }
    return proved ? 0 : 1;
  });
}

/** The story, in order. */
async function tell(stack: Stack, proxy: ProxyKind, sabotage: boolean): Promise<Facts> {
  chapter(`1. A system with two sites behind ${proxy}, backups in a vault, and users that write`);
  const system = await stack.startSites(proxy);
  const worker = await stack.startWorker();
  const users = system.startWriter({ journal: join(system.folder, 'journal.jsonl'), rate: 60 });
  try {
    await until('some hundred writes', async () => (await users.report()).acknowledged >= 400);
    say(
      `site a serves ${system.url}; worker ${worker.pid}; ` +
        `${(await users.report()).acknowledged} writes acknowledged`,
    );

    chapter('2. Site a is gone: kill -9 of everything, its folders removed');
    const failed = await system.destroySite('a');
    const failedAt = new Date(failed).toISOString();
    say(`at ${failedAt}; users get no answer any more`);
    if (sabotage) {
      const segments = walSegments(system.vault);
      const dropped = segments[Math.floor(segments.length / 2)] ?? '';
      dropSegment(system.vault, dropped);
      const { tenant, name } = dropFile(system.vault);
      say(
        `sabotage: WAL segment ${dropped} and file ` +
          `${name} of ${tenant} have vanished from the vault`,
      );
    }

    chapter('3. The recovery at site b, with two approvals');
    const view = await recover(stack, failedAt);
    say(`${view.state}; users are served again`);
    const { acknowledged } = await users.report();
    await until(
      'users to write again',
      async () => (await users.report()).acknowledged > acknowledged + 100,
      30_000,
    ).catch(() => say('users do NOT write again'));
    await mkdir(reportFolder, { recursive: true });
    const reportFile = join(reportFolder, `${view.id}.html`);
    await new Operator('oncall', stack.cliEnv).run('report', view.id, '-o', reportFile);
    say(`report: ${reportFile}`);
    const after = await users.stop();
    const { servers } = await system.entrance.traffic.observe();
    return {
      proxy,
      state: view.state,
      recovery: view.recovery ?? null,
      told: [view.outputs['filesLost'], view.outputs['cannotBeHad']]
        .filter((each) => typeof each === 'string')
        .join('; '),
      failedAt,
      found: await system.compare(users.journal, 'b', failed),
      users: after,
      serving: servers.filter(({ weight }) => weight > 0).map(({ name }) => name),
    };
  } finally {
    users.kill();
  }
}

async function recover(stack: Stack, failedAt: string): Promise<RunView> {
  const operator = new Operator('oncall', stack.cliEnv);
  const approver = new Operator('manager', stack.cliEnv);
  const inputs = Object.entries({
    ...{ from: 'site-a', to: 'site-b', entrance: 'entrance', failed_at: failedAt },
    ...{ watch: '5s', window: '5s', min_requests: '20' },
  }).flatMap(([name, value]) => ['--input', `${name}=${value}`]);
  const asked = ['--reason', 'site a does not answer', '--confirm', 'site-b', '--yes'];
  const { id } = await operator.json<{ id: string }>(
    [0],
    'start',
    'full-system-disaster-recovery',
    ...inputs,
    ...asked,
  );
  for (const reason of ['nobody reaches site a', 'tenants, log-in and files are proved']) {
    await operator.run('wait', id, '--for', 'decision', '--timeout', '240s');
    const { waitingFor, state } = await operator.json<RunView>([0, 1, 8], 'status', id);
    if (waitingFor[0]?.kind !== 'approval') break;
    show(`${state}: ${waitingFor[0].title}`);
    for (const [name, value] of Object.entries(waitingFor[0].evidence))
      show(`  ${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`);
    const approved = await approver.run(
      'approve',
      id,
      '--confirm',
      'b',
      '--reason',
      reason,
      '--yes',
    );
    if (approved.exitCode !== 0)
      throw new Error(`approve failed: ${approved.stderr || approved.stdout}`);
  }
  await operator.run('wait', id, '--for', 'done', '--timeout', '240s');
  show((await operator.run('status', id)).stdout);
  return operator.json<RunView>([0, 1, 8], 'status', id);
}

/** What users know of their writes, against what was recovered; says both. */
function prove({ state, recovery, told, found, serving, failedAt }: Facts): boolean {
  chapter('4. The proof: every acknowledged write looked up at site b, row by row, file by file');
  const seconds = (ms: number | null | undefined): string =>
    ms === null || ms === undefined ? '-' : `${(ms / 1_000).toFixed(1)} s`;
  const objective = recovery?.objective;
  show(
    `RTO  ${seconds(recovery?.rtoMs)}  of ${objective?.rtoMinutes} ` +
      'min, from the failure until users were served',
  );
  show(
    `RPO  ${seconds(found.rpoMs)}  of ${objective?.rpoMinutes} min by the users' own ` +
      `journal, ${seconds(recovery?.rpoMs)} by the run`,
  );
  for (const [clock, ms] of Object.entries(recovery?.spent ?? {}))
    show(`     ${clock.padEnd(8)} ${seconds(ms).padStart(8)}`);
  show(
    `${found.acknowledged} writes acknowledged, ${found.there} there, ${found.lost.length} ` +
      `lost, ${found.wrong.length} not what was written`,
  );
  const old = found.lost.filter(({ at }) => Date.parse(failedAt) - Date.parse(at) > mostLostMs);
  const claims: [string, boolean][] = [
    [
      'the recovery ended well, and its objectives are met',
      state === 'succeeded' && recovery?.met === true,
    ],
    ['users are served by site b, and by it alone', serving.join() === 'b'],
    ['what is there is what was written', found.wrong.length === 0],
    [
      'nothing is lost but what was written in the last ' +
        `${mostLostMs / 1_000} s, which had not left the site`,
      old.length === 0,
    ],
    [`nothing is missing from the backups${told ? ` (${told})` : ''}`, told === ''],
  ];
  for (const [claim, holds] of claims) show(`${holds ? '✓' : '✗'} ${claim}`);
  const proved = claims.every(([, holds]) => holds);
  say(
    proved
      ? 'the system was recovered at another site'
      : 'the system was NOT recovered as promised',
  );
  return proved;
}

exitWith(main());
