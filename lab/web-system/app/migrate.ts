import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { thisRelease } from './release.js';

/*
 * Changes the schema of WEB_DATABASE_URL as this artefact says:
 *
 *   node migrate.js expand|contract|undo [--lock-timeout MS] [--attempts N] [--pause MS]
 *
 * Each file is one transaction, done once and noted in `schema_history`; told again, it does what
 * is left. `undo` reverses what this release did: what another release has done before, a running
 * one may need. A statement that waits for a lock makes everybody queue behind it, so it gives up
 * after the lock time-out, lets the queue go, and tries again after a pause. Prints one line of
 * JSON; exit code 0 done, 1 failed, 75 no lock to be had (try later).
 */
const phases = ['expand', 'contract', 'undo'] as const;
type Phase = (typeof phases)[number];

const folder = fileURLToPath(new URL('../migrations/', import.meta.url));
const repeats = /^-- repeat until no rows\b/;
const noLock = '55P03';
const { version: release } = thisRelease();

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    'lock-timeout': { type: 'string', default: '250' },
    attempts: { type: 'string', default: '20' },
    pause: { type: 'string', default: '500' },
  },
});
const phase = phases.find((each) => each === positionals[0]);
if (!phase) {
  process.stderr.write('Say what to do: expand, contract or undo.\n');
  process.exit(2);
}

interface Script {
  name: string;
  text: string;
}

function scriptsOf(of: Phase): Script[] {
  const path = `${folder}${of}`;
  if (!existsSync(path)) return [];
  return readdirSync(path)
    .sort()
    .map((name) => ({ name, text: readFileSync(`${path}/${name}`, 'utf8') }));
}

/**
 * One change at a time; the lock ends with the session, so that a killed program holds nobody up.
 */
async function alone(client: pg.Client): Promise<void> {
  await client.query(`SELECT pg_advisory_lock(hashtext('web schema'))`);
  await client.query(`CREATE TABLE IF NOT EXISTS schema_history (
    phase text NOT NULL, name text NOT NULL, digest text NOT NULL, release text NOT NULL, done_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (phase, name))`);
}

let waited = 0;

async function patiently(client: pg.Client, work: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await client.query('BEGIN');
      await client.query(`SELECT set_config('lock_timeout', $1, true)`, [
        `${Number(values['lock-timeout'])}ms`,
      ]);
      await work();
      await client.query('COMMIT');
      return;
    } catch (error) {
      await client.query('ROLLBACK').catch(() => undefined);
      if ((error as { code?: string }).code !== noLock || attempt >= Number(values.attempts))
        throw error;
      waited += 1;
      await delay(Number(values.pause));
    }
  }
}

async function apply(
  client: pg.Client,
  of: 'expand' | 'contract',
  script: Script,
): Promise<boolean> {
  const digest = createHash('sha256').update(script.text).digest('hex');
  const { rows } = await client.query<{ digest: string }>(
    'SELECT digest FROM schema_history WHERE phase = $1 AND name = $2',
    [of, script.name],
  );
  if (rows[0] && rows[0].digest !== digest)
    throw new Error(`${script.name} was done before, with another text`);
  if (rows[0]) return false;
  if (repeats.test(script.text)) {
    for (let changed = 1; changed > 0;) {
      await patiently(client, async () => {
        changed = (await client.query(script.text)).rowCount ?? 0;
      });
    }
  }
  await patiently(client, async () => {
    if (!repeats.test(script.text)) await client.query(script.text);
    await client.query(
      'INSERT INTO schema_history (phase, name, digest, release) VALUES ($1, $2, $3, $4)',
      [of, script.name, digest, release],
    );
  });
  return true;
}

async function migrate(client: pg.Client, what: Phase): Promise<string[]> {
  await alone(client);
  if (what !== 'undo') {
    const done: string[] = [];
    for (const script of scriptsOf(what))
      if (await apply(client, what, script)) done.push(script.name);
    return done;
  }
  const names = scriptsOf('expand').map(({ name }) => name);
  const contracted = await client.query(
    `SELECT 1 FROM schema_history WHERE phase = 'contract' AND name = ANY($1)`,
    [scriptsOf('contract').map(({ name }) => name)],
  );
  if (contracted.rowCount)
    throw new Error('the contract migration has been done: there is no way back by an undo');
  const own = await client.query<{ name: string }>(
    `SELECT name FROM schema_history WHERE phase = 'expand' AND name = ANY($1) AND release = $2`,
    [names, release],
  );
  if (!own.rowCount) return [];
  // Each is called as the first migration that it undoes.
  const scripts = scriptsOf('undo')
    .filter(({ name }) => own.rows.some((row) => row.name === name))
    .reverse();
  await patiently(client, async () => {
    for (const script of scripts) await client.query(script.text);
    await client.query(
      `DELETE FROM schema_history WHERE phase = 'expand' AND name = ANY($1) AND release = $2`,
      [names, release],
    );
  });
  return scripts.map(({ name }) => name);
}

const client = new pg.Client({
  connectionString: process.env['WEB_DATABASE_URL'],
  application_name: `web migrate ${phase}`,
});
client.on('error', () => undefined);
try {
  await client.connect();
  const done = await migrate(client, phase);
  process.stdout.write(`${JSON.stringify({ phase, done, waitedForLocks: waited })}\n`);
} catch (error) {
  const { code } = error as { code?: string };
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = code === noLock ? 75 : 1;
} finally {
  await client.end().catch(() => undefined);
}
