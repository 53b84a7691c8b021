import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { WorkflowHandle } from '@temporalio/client';
import { renderHtml } from '../../client/report/html.js';
import { renderMarkdown } from '../../client/report/markdown.js';
import type { Report } from '../../client/report/report.js';
import type { JsonObject } from '../../language/json.js';
import { getAttempts, history } from '../../store/index.js';
import { Engine } from '../helpers/engine.js';
import { plainRunbook } from '../helpers/plain-runbook.js';
import { until } from '../../lab/until.js';

/*
 * A secret that a command prints to its output, its error and its progress, on the real servers.
 * With the guard off, the program gets it by a way of its own, so that no attempt knows of it.
 */

const canary = 'kL3$mN8/pQ2+rS7tU5vW9xY4';
const forms = [
  canary,
  encodeURIComponent(canary),
  Buffer.from(canary).toString('base64'),
  Buffer.from(canary).toString('hex'),
];

let engine: Engine;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'runbook-canary-'));
  await writeFile(secret(), canary);
  const credentials = 'credentials: { main: { env: { TOKEN: token } } }';
  const targets = `targets: { vault: { kind: service, environment: test, ${credentials} } }\n`;
  engine = await Engine.start({
    targets,
    secrets: `secrets: { token: { from: "file:${secret()}", targets: [vault] } }\n`,
    plans: [telling('variable'), telling('credentials'), telling('unknown')],
  });
}, 60_000);
afterAll(async () => {
  await engine?.stop();
  await rm(folder, { recursive: true, force: true });
});

const secret = (): string => join(folder, 'canary');

/**
 * @param way how the program gets its secret: as a variable of its own, with the credentials of its
 *   target, or from the file, of which no attempt knows
 */
function telling(way: 'variable' | 'credentials' | 'unknown') {
  const given = {
    variable: { env: { TOKEN: { secret: 'token' } } },
    credentials: { credentials: 'main' },
    unknown: {},
  };
  const argv = (script: string): unknown[] => [
    ...['/bin/sh', '-c', `TOKEN=\${TOKEN:-$(cat "$1")}; ${script}`, 'sh'],
    ...[way === 'unknown' ? secret() : '/dev/null', { $: 'inputs.marker' }],
  ];
  const action = (script: string) => ({
    ...{ kind: 'command', argv: argv(script), target: 'vault' },
    ...given[way],
  });
  const step = (id: string, kind: string, more: object) => ({
    ...{ id, title: `Step ${id}`, kind, effect: 'read', onFailure: 'abort', ...more },
  });
  const holds = 'out.exitCode == 0';
  const probe = action('echo "trouble: $TOKEN" >&2; test -e "$2"');
  return plainRunbook({
    id: `canary-${way}`,
    outputs: {},
    inputs: { marker: { type: 'text', description: 'a file', maxLength: 400 } },
    steps: [
      step('output', 'command', { work: { action: action('echo "$TOKEN"; echo "$TOKEN" >&2') } }),
      step('progress', 'check', {
        work: { action: { kind: 'check', probe, until: holds, everyMs: 50 } },
      }),
      step('error', 'command', {
        retry: { attempts: 1 },
        work: { action: action('echo "so it is: $TOKEN" >&2; exit 3') },
      }),
    ],
  });
}

/** All texts in a value, bytes as text. */
function textsIn(value: unknown): string {
  if (typeof value === 'string') return value;
  if (value instanceof Uint8Array) return Buffer.from(value).toString();
  if (value === null || typeof value !== 'object') return '';
  return Object.values(value).map(textsIn).join('\n');
}

/** Every row of the record, its bytes as text. */
async function wholeRecord(): Promise<string> {
  const { rows: tables } = await engine.pool.query<{ name: string }>(
    `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
     WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`,
  );
  const dumps = tables.map(
    async ({ name }) => (await engine.pool.query<JsonObject>(`TABLE ${name}`)).rows,
  );
  return textsIn(await Promise.all(dumps));
}

async function reportsOf(handle: WorkflowHandle): Promise<string> {
  const view = await engine.status(handle);
  const key = { run: view.id, firstRunId: view.firstRunId };
  const report: Report = {
    view,
    attempts: await getAttempts(engine.pool, key),
    history: await history(engine.pool, key),
    generatedAt: new Date().toISOString(),
    uiUrl: 'http://127.0.0.1/',
  };
  return [renderHtml(report), renderMarkdown(report), JSON.stringify(report)].join('\n');
}

/** How often the canary stands in each place that the run leaves something in. */
async function leaks(runbook: string): Promise<Record<string, number>> {
  const marker = engine.path(`${runbook}.marker`);
  const handle = await engine.run(runbook, { marker });
  const heartbeat = await until('the check to tell its trouble', async () => {
    const { raw } = await handle.describe();
    const text = textsIn(raw.pendingActivities?.map((each) => each.heartbeatDetails));
    return text.includes('trouble') ? text : undefined;
  });
  await writeFile(marker, '');
  await engine.ended(handle);
  const places = {
    heartbeat: heartbeat,
    record: await wholeRecord(),
    history: textsIn(await handle.fetchHistory()),
    report: await reportsOf(handle),
  };
  expect((await engine.status(handle)).problem?.message).toContain('so it is');
  return Object.fromEntries(
    Object.entries(places).map(([name, text]) => [
      name,
      forms.reduce((sum, form) => sum + text.split(form).length - 1, 0),
    ]),
  );
}

test('a secret that a command prints stands nowhere; with the guard off, everywhere', async () => {
  const guarded = await leaks('canary-variable');
  const ofTarget = await leaks('canary-credentials');
  const open = await leaks('canary-unknown');
  process.stderr.write(
    `canary printed: ${JSON.stringify(guarded)}, of a target's credentials: ` +
      `${JSON.stringify(ofTarget)}; guard off: ${JSON.stringify(open)}\n`,
  );
  expect(Object.values(guarded)).toEqual([0, 0, 0, 0]);
  expect(Object.values(ofTarget)).toEqual([0, 0, 0, 0]);
  for (const count of Object.values(open)) expect(count).toBeGreaterThan(0);
}, 60_000);
