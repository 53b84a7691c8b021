import { chmodSync, existsSync, mkdtempSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { trafficOf } from '../../activities/delivery/traffic/index.js';
import { drain, type TrafficSwitch } from '../../activities/delivery/traffic/switch.js';
import { readJson, writeJson } from '../../embedded/files.js';
import { cleanUpOnStop } from '../../embedded/stop-request.js';
import type { TargetDeclaration } from '../../language/targets-file.js';
import {
  instancesOf,
  runningInstance,
  startInstance,
  stopInstance,
  systemFolder,
  type SystemFolder,
} from './instances.js';
import { Load } from './load-client.js';
import { checkSchema, migrate, type ProgramResult } from './migrations.js';
import { proxyHere, proxyKinds, type ProxyKind } from './proxy.js';
import { artefactProblems, readManifest } from './releases.js';
import { WebSystem } from './system.js';

const usage = `The example web system: a multi-tenant application in three releases, behind a real proxy.

  main.js up [--proxy haproxy|caddy|nginx] everything on free ports of this machine, until Ctrl-C; prints where things are
  main.js status                          what runs, and what the proxy says
  main.js releases                        the artefacts that can be deployed
  main.js check VERSION [--digest D]      is the artefact whole, and does the release work on the schema as it is?
  main.js migrate VERSION expand|contract|undo
  main.js start SLOT VERSION              an instance; it gets no requests yet
  main.js shift SLOT=WEIGHT …             who gets how many of the requests
  main.js drain SLOT                      no new requests, and wait for those under way
  main.js stop SLOT                       drain it, then end it
  main.js load [--rate 200] [--seconds 60] [--connections 8] [--retry-once]   users; prints what they saw

All but \`up\` take --system FOLDER, as \`up\` prints it; WEB_SYSTEM in the environment does as well.`;

/** How others find a system that is up. */
interface UpFile {
  url: string;
  facts: TargetDeclaration['facts'];
  ports: Record<string, number>;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    proxy: { type: 'string' },
    system: { type: 'string' },
    digest: { type: 'string' },
    rate: { type: 'string', default: '200' },
    seconds: { type: 'string', default: '60' },
    connections: { type: 'string', default: '8' },
    'retry-once': { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
const [verb = 'help', ...words] = positionals;

/** What a person did wrong, in words. */
class Usage extends Error {}

async function up(): Promise<void> {
  const proxy = chooseProxy(values.proxy);
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'web-system-')));
  // PostgreSQL that root starts runs as another user, who must find the way to its data.
  chmodSync(folder, 0o755);
  const starting = WebSystem.start(folder, { proxy, say: print });
  const close = async (): Promise<void> => {
    await starting.then((system) => system.stop()).catch(() => undefined);
    rmSync(folder, { recursive: true, force: true });
  };
  cleanUpOnStop(close);
  let system: WebSystem;
  try {
    system = await starting;
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
  writeJson(join(folder, 'up.json'), {
    url: system.proxy.url,
    facts: system.proxy.facts,
    ports: system.ports,
  } satisfies UpFile);
  print(`users:    ${system.proxy.url}/tenants/acme/customers/s1`);
  print(
    `proxy:    ${Object.entries(system.proxy.facts)
      .map(([key, value]) => `${key}=${typeof value === 'object' ? JSON.stringify(value) : value}`)
      .join(' ')}`,
  );
  print(`system:   ${folder}`);
  print(`It runs until Ctrl-C. In another terminal: export WEB_SYSTEM=${folder}`);
  await new Promise<never>(() => setInterval(() => undefined, 2 ** 30));
}

/** What does something to a system that is up. */
async function act(files: SystemFolder, { url, facts, ports }: UpFile): Promise<void> {
  const traffic = trafficOf({ name: 'web', facts });
  const [first = '', second = ''] = words;
  switch (verb) {
    case 'status':
      return status(files, traffic);
    case 'check': {
      const artefact = join(files.releases, known(files, first));
      const problems = artefactProblems(artefact, values.digest);
      print(
        problems.length > 0 ? problems.join('\n') : `${readManifest(artefact).digest} is whole`,
      );
      if (problems.length > 0) process.exitCode = 1;
      return tell(await checkSchema(files, first));
    }
    case 'migrate':
      if (second !== 'expand' && second !== 'contract' && second !== 'undo')
        throw new Usage('Say expand, contract or undo.');
      return tell(await migrate(files, known(files, first), second));
    case 'start': {
      const { pid, port } = await startInstance(files, {
        name: first,
        version: known(files, second),
        port: slotPort(ports, first),
      });
      return print(`${first} runs ${second}: process ${pid}, http://127.0.0.1:${port}`);
    }
    case 'shift': {
      const wanted = words.map((word) => {
        const [name = '', weight = ''] = word.split('=');
        return { name, weight: Number(weight), address: `127.0.0.1:${slotPort(ports, name)}` };
      });
      const { changed } = await traffic.apply(wanted);
      print(changed.length > 0 ? `changed: ${changed.join(', ')}` : 'nothing to change');
      return status(files, traffic);
    }
    case 'drain':
    case 'stop': {
      const { drained, active } = await drain(traffic, first, { limitMs: 30_000 });
      print(drained ? `${first} is empty` : `${first} still has ${active} requests after 30 s`);
      if (verb === 'stop') print(`${first}: ${await stopInstance(files, first)}`);
      return undefined;
    }
    case 'load':
      return load(url, facts['proxy'] !== 'haproxy');
    default:
      throw new Usage(`There is no ${verb}.`);
  }
}

async function status(files: SystemFolder, traffic: TrafficSwitch): Promise<void> {
  const { proxy, servers } = await traffic.observe();
  for (const { name, address, weight, active, counters } of servers) {
    const { version = '-', pid = '-' } = runningInstance(files, name) ?? {};
    print(
      `${name.padEnd(8)} ${version.padEnd(20)} pid ${String(pid).padEnd(8)} ${proxy}: ` +
        `${address ?? 'empty'} weight ${weight}, ${active} under way, ${counters.requests} ` +
        `requests, ${counters.errors} errors`,
    );
  }
  const others = instancesOf(files).filter(
    ({ name }) => !servers.some((server) => server.name === name),
  );
  for (const { name, version } of others) print(`${name.padEnd(8)} ${version} (in no slot)`);
}

async function load(url: string, reloads: boolean): Promise<void> {
  const users = Load.start({
    url,
    rate: Number(values.rate),
    seconds: Number(values.seconds),
    connections: Number(values.connections),
    // A proxy that reloads closes connections, and an order may not be sent twice.
    ...(reloads ? { orders: 0 } : {}),
    retryOnce: values['retry-once'],
  });
  process.once('SIGINT', () => void users.stop().catch(() => undefined));
  const report = await users.finish();
  print(JSON.stringify({ ...report, failed: report.failed.slice(0, 20) }, null, 2));
  if (report.failures > 0) process.exitCode = 1;
}

function tell({ exitCode, json, problem }: ProgramResult): void {
  print(json ? JSON.stringify(json) : problem.trim());
  if (exitCode !== 0) process.exitCode = 1;
}

function chooseProxy(wanted: string | undefined): ProxyKind {
  const kind =
    proxyKinds.find((each) => each === wanted) ?? (wanted === undefined ? proxyHere() : undefined);
  if (!kind) throw new Usage(`--proxy is one of ${proxyKinds.join(', ')}.`);
  return kind;
}

function known(files: SystemFolder, version: string): string {
  if (version !== '' && existsSync(join(files.releases, version, 'manifest.json'))) return version;
  throw new Usage(
    `There is no release ${JSON.stringify(version)}; \`main.js releases\` lists them.`,
  );
}

function slotPort(ports: Record<string, number>, slot: string): number {
  const port = ports[slot];
  if (port !== undefined) return port;
  throw new Usage(
    `There is no slot ${JSON.stringify(slot)}: there are ${Object.keys(ports).join(', ')}.`,
  );
}

function listReleases(files: SystemFolder): void {
  for (const version of readdirSync(files.releases).filter((name) =>
    existsSync(join(files.releases, name, 'manifest.json')),
  ))
    print(`${version.padEnd(20)} ${readManifest(join(files.releases, version)).digest}`);
}

async function main(): Promise<void> {
  if (values.help || verb === 'help') return print(usage);
  if (verb === 'up') return up();
  const folder = values.system ?? process.env['WEB_SYSTEM'];
  const found =
    folder === undefined ? undefined : readJson<UpFile>(join(resolve(folder), 'up.json'));
  if (folder === undefined || !found)
    throw new Usage('Name a system that is up: --system FOLDER, as `main.js up` prints it.');
  const files = systemFolder(resolve(folder));
  return verb === 'releases' ? listReleases(files) : act(files, found);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(error instanceof Usage ? 2 : 1);
});
