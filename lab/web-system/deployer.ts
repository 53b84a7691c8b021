import { createHash, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { findPostgres, serverFolder } from '../../embedded/binaries.js';
import { readJson } from '../../embedded/files.js';
import { cacheFolder } from '../../embedded/home.js';
import {
  programEnv,
  runningInstance,
  startInstance,
  stopInstance,
  systemFolder,
} from './instances.js';
import { checkSchema, migrate, type ProgramResult } from './migrations.js';
import { artefactProblems, readManifest } from './releases.js';
import { seededPerTenant, tenants } from './seed.js';

/*
 * The deployer of this system, as `zero-downtime-deployment` calls it: node deployer.js FOLDER VERB
 * …; one line of JSON on its standard output. What is done already is not done again.
 *
 * WEB_LOCK_TIMEOUT_MS: how long a statement of a migration may wait for a lock, and all who come
 * after it
 */
const [folder = '', verb = '', first = '', second = ''] = process.argv.slice(2);
const system = systemFolder(folder);
const artefactOf = (version: string): string => join(system.releases, version);

const warmUpRounds = 10;

/** Why it did not work, in words; the exit code says how. */
class Refused extends Error {
  constructor(
    message: string,
    readonly exitCode = 2,
  ) {
    super(message);
  }
}

const verbs: Record<string, () => Promise<object> | object> = {
  artefact() {
    const problems = artefactProblems(artefactOf(first), second || undefined);
    if (problems.length > 0) throw new Refused(problems.join('; '));
    const { version, digest, changelog, migrations } = readManifest(artefactOf(first));
    return {
      version,
      digest,
      changelog: readFileSync(join(artefactOf(first), changelog), 'utf8'),
      migrations,
    };
  },
  running() {
    const running = Object.keys(ports()).map((server) => {
      const instance = runningInstance(system, server);
      return [
        server,
        instance ? { version: instance.version, address: addressOf(server) } : null,
      ] as const;
    });
    return { servers: Object.fromEntries(running) };
  },
  backup,
  rehearse,
  async migrate() {
    if (first !== 'expand' && first !== 'contract' && first !== 'undo')
      throw new Refused('say expand, contract or undo');
    const lockTimeout = process.env['WEB_LOCK_TIMEOUT_MS'];
    return answered(
      await migrate(
        system,
        second,
        first,
        ...(lockTimeout === undefined ? [] : ['--lock-timeout', lockTimeout]),
      ),
    );
  },
  async schema() {
    return answered(await checkSchema(system, first));
  },
  async start() {
    await startInstance(system, { name: first, version: second, port: portOf(first) });
    return { address: addressOf(first) };
  },
  async stop() {
    return { ended: await stopInstance(system, first) };
  },
  async ready() {
    for (const path of ['/health', '/ready']) {
      const response = await ask(path).catch((error: unknown) => {
        throw new Refused(`${first} does not answer: ${(error as Error).message}`, 1);
      });
      if (!response.ok)
        throw new Refused(
          `${first} says ${response.status} at ${path}: ${await response.text()}`,
          1,
        );
    }
    return { ready: true };
  },
  async version() {
    return (await (await ask('/version')).json()) as object;
  },
  async smoke() {
    const customers = tenants
      .slice(0, 2)
      .flatMap((tenant) => [1, seededPerTenant].map((number) => ({ tenant, id: `s${number}` })));
    const one = async ({ tenant, id }: { tenant: string; id: string }): Promise<void> => {
      const response = await ask(`/tenants/${tenant}/customers/${id}`);
      const answer = (await response.json()) as { id?: string; tenant?: string; checksum?: string };
      if (!response.ok || answer.id !== id || answer.tenant !== tenant || !answer.checksum)
        throw new Refused(
          `${first} answers ${response.status} ` +
            `${JSON.stringify(answer)} for customer ${id} of ${tenant}`,
        );
    };
    for (const customer of customers) await one(customer);
    // As many at once as users do: its connections to the database are open before the first of
    // them comes. What is answered is for the measurement to judge.
    for (let round = 0; round < warmUpRounds; round += 1)
      await Promise.allSettled([...customers, ...customers].map(one));
    return { asked: customers.length };
  },
};

/** Some systems put links to the server's programs alone on the PATH. */
async function programFolder(): Promise<string> {
  return serverFolder(await findPostgres(cacheFolder()));
}

/** A dump that can be read back, with its digest. */
async function backup(): Promise<object> {
  const programs = await programFolder();
  const backups = join(folder, 'backups');
  mkdirSync(backups, { recursive: true });
  const file = join(backups, `${new Date().toISOString().replaceAll(':', '-')}.dump`);
  const url = programEnv(system)['WEB_DATABASE_URL'] ?? '';
  const { password, ...rest } = partsOf(url);
  await execa(join(programs, 'pg_dump'), ['--format=custom', `--file=${file}`, rest.url], {
    env: { PGPASSWORD: password },
  });
  const { stdout } = await execa(join(programs, 'pg_restore'), ['--list', file]);
  const tables = stdout.split('\n').filter((line) => line.includes(' TABLE DATA ')).length;
  if (tables === 0) throw new Refused('the dump holds no table');
  const bytes = readFileSync(file);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  writeFileSync(`${file}.sha256`, `${sha256}\n`);
  return { file, bytes: bytes.length, sha256, tables, verified: true };
}

/**
 * The expand migrations of a release on a copy of the database: do the running release and the new
 * one both work on it, and does the way back lead to where it began? Nothing of it touches the
 * database itself.
 */
async function rehearse(): Promise<object> {
  const programs = await programFolder();
  const copy = `web_rehearsal_${randomUUID().slice(0, 8)}`;
  const { url, password } = partsOf(programEnv(system)['WEB_DATABASE_URL'] ?? '');
  const env = { PGPASSWORD: password };
  const elsewhere = new URL(url);
  elsewhere.pathname = `/${copy}`;
  await execa(
    join(programs, 'psql'),
    ['--no-psqlrc', '--quiet', '--command', `CREATE DATABASE ${copy}`, url],
    { env },
  );
  try {
    const dump = ['--format=plain', '--no-owner', '--no-privileges', url];
    const load = ['--no-psqlrc', '--quiet', '--set=ON_ERROR_STOP=1', elsewhere.href];
    await execa(join(programs, 'pg_dump'), dump, { env }).pipe(join(programs, 'psql'), load, {
      env,
    });
    elsewhere.password = password;
    const onCopy = { ...system, databaseUrl: elsewhere.href };
    answered(await migrate(onCopy, second, 'expand'));
    const works = {
      running: await checkSchema(onCopy, first),
      next: await checkSchema(onCopy, second),
    };
    for (const [which, { exitCode, json, problem }] of Object.entries(works)) {
      if (exitCode !== 0)
        throw new Refused(
          `after the expand migrations the ${which} release would not work: ` +
            `${json ? JSON.stringify(json['problem']) : problem}`,
        );
    }
    answered(await migrate(onCopy, second, 'undo'));
    const back = await checkSchema(onCopy, first);
    if (back.exitCode !== 0)
      throw new Refused('after the undo migrations the running release would not work');
    return { running: first, next: second, works: true };
  } finally {
    await execa(
      join(programs, 'psql'),
      ['--no-psqlrc', '--quiet', '--command', `DROP DATABASE ${copy} WITH (FORCE)`, url],
      {
        env,
      },
    );
  }
}

function partsOf(address: string): { url: string; password: string } {
  const url = new URL(address);
  const password = decodeURIComponent(url.password);
  url.password = '';
  return { url: url.href, password };
}

function ports(): Record<string, number> {
  return readJson<Record<string, number>>(join(folder, 'ports.json')) ?? {};
}

function portOf(server: string): number {
  const port = ports()[server];
  if (port === undefined) throw new Refused(`there is no server ${JSON.stringify(server)}`);
  return port;
}

const addressOf = (server: string): string => `127.0.0.1:${portOf(server)}`;

function ask(path: string): Promise<Response> {
  return fetch(new URL(path, `http://${addressOf(first)}`), { signal: AbortSignal.timeout(5_000) });
}

function answered({ exitCode, json, problem }: ProgramResult): object {
  if (exitCode === 0 && json) return json;
  throw new Refused(problem || JSON.stringify(json), exitCode === 75 ? 75 : 2);
}

try {
  const known = verbs[verb];
  if (!known) throw new Refused(`there is no ${verb}: ${Object.keys(verbs).join(', ')}`);
  if (!existsSync(folder)) throw new Refused(`there is no system at ${folder}`);
  process.stdout.write(`${JSON.stringify(await known())}\n`);
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = error instanceof Refused ? error.exitCode : 2;
}
