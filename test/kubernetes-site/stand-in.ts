import { createHash } from 'node:crypto';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import type * as Yaml from 'yaml';
import { take, type Taken, type ToolName } from './usage.js';

/*
 * Stands in for terraform, helm, aws, psql, and where there is no cluster for kubectl: node
 * stand-in.js TOOL ARGUMENTS. Records exactly what it got, refuses what the real tool would not
 * know, keeps a little state in STAND_IN_FOLDER, and dies half-way when it is told to. With
 * STAND_IN_KUBECTL it hands everything that is for a cluster to the real kubectl; with
 * STAND_IN_HELM releases to the real helm.
 */

const folder = process.env['STAND_IN_FOLDER'] ?? '';
const recordedEnv = /^(PG|AWS_|TF_|KUBE|HELM_|RUNBOOK_STEP$)/;

interface Fault {
  tool: ToolName;
  /** Part of the arguments, joined by spaces. */
  match: string;
  /** `half`: of what has several parts, some; a number: so many bytes of output. */
  when: 'before' | 'after' | 'half' | number;
}

interface Kube {
  metadata: {
    name: string;
    resourceVersion?: string;
    annotations?: Record<string, string>;
  } & Record<string, unknown>;
  kind: string;
  spec?: Record<string, unknown> & { replicas?: number };
  status?: unknown;
  [key: string]: unknown;
}

interface Answer {
  stdout?: string | Buffer;
  stderr?: string;
  exitCode?: number;
}

const [tool, ...argv] = process.argv.slice(2) as [ToolName, ...string[]];
const input =
  ['create', 'replace', 'apply', 'cp'].some((verb) => argv.includes(verb)) && takesInput()
    ? readFileSync(0)
    : Buffer.alloc(0);
const env = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => recordedEnv.test(name)),
);
appendFileSync(join(folder, 'calls.jsonl'), `${JSON.stringify({ tool, argv, env })}\n`);
const fault = faultFor();
if (fault?.when === 'before') die();

let answer: Answer;
try {
  answer = run(take(tool, argv));
} catch (error) {
  answer = { stderr: `${(error as Error).message}\n`, exitCode: 2 };
}
if (fault?.when === 'after' || fault?.when === 'half') die();
const stdout = Buffer.from(answer.stdout ?? '');
if (typeof fault?.when === 'number') {
  writeFileSync(1, stdout.subarray(0, fault.when));
  die();
}
process.stdout.write(stdout);
process.stderr.write(answer.stderr ?? '');
process.exitCode = answer.exitCode ?? 0;

function run(taken: Taken): Answer {
  if (tool === 'terraform') return terraform(taken);
  if (tool === 'helm')
    return process.env['STAND_IN_HELM'] ? passOn(process.env['STAND_IN_HELM'], argv) : helm(taken);
  if (tool === 'aws') return aws(taken);
  if (tool === 'psql') return psql(taken);
  return kubectl(argv, input.toString('utf8'));
}

function takesInput(): boolean {
  return (
    argv.includes('--filename=-') ||
    (argv.includes('cp') && argv.indexOf('-') === argv.indexOf('cp') + 1)
  );
}

function faultFor(): Fault | undefined {
  const below = join(folder, 'faults');
  if (!existsSync(below)) return undefined;
  for (const name of readdirSync(below).sort()) {
    const found = JSON.parse(readFileSync(join(below, name), 'utf8')) as Fault;
    if (found.tool !== tool || !argv.join(' ').includes(found.match)) continue;
    try {
      unlinkSync(join(below, name));
      return found;
    } catch {
      // Another call was told to die of it.
    }
  }
  return undefined;
}

function die(): never {
  process.kill(process.pid, 'SIGKILL');
  throw new Error('unreachable');
}

/** Something was done that is not to be done twice. */
function effect(what: string): void {
  appendFileSync(join(folder, 'effects.jsonl'), `${JSON.stringify(what)}\n`);
}

function state<T>(name: string): T | undefined {
  const file = join(folder, 'state', `${name}.json`);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as T) : undefined;
}

function keep(name: string, value: unknown): void {
  const file = join(folder, 'state', `${name}.json`);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.${process.pid}`, JSON.stringify(value));
  renameSync(`${file}.${process.pid}`, file);
}

function forget(name: string): boolean {
  const file = join(folder, 'state', `${name}.json`);
  if (!existsSync(file)) return false;
  rmSync(file);
  return true;
}

function flag({ flags }: Pick<Taken, 'flags'>, name: string): string {
  return flags.get(name)?.[0] ?? '';
}

// terraform: a namespace and a bucket

function terraform(taken: Taken): Answer {
  const site = flag(taken, '-chdir');
  const key = `terraform/${Buffer.from(site).toString('hex').slice(-24)}`;
  const made = state<string[]>(key) ?? [];
  if (taken.verb === 'init') return { stdout: 'Terraform has been successfully initialized!\n' };
  if (taken.verb === 'state list') {
    if (existsSync(join(folder, 'state', `${key}.json`)))
      // As the real one does where the environment names a file of settings that is not there.
      return { stdout: ['Warning: Unable to open a file', ...made, ''].join('\n') };
    return { stderr: 'No state file was found!\n', exitCode: 1 };
  }
  const variables = new Map(
    (taken.flags.get('-var-file') ?? [])
      .flatMap((file) => readFileSync(file, 'utf8').split('\n'))
      .map((line) => line.split(/\s*=\s*"|"$/) as [string, string]),
  );
  const of = (name: string): string => variables.get(name) ?? '';
  const address = [`--kubeconfig=${of('kubeconfig')}`, `--context=${of('context')}`];
  if (taken.verb === 'destroy') {
    if (made.length > 0) {
      kubectl([
        'delete',
        `namespace/${of('namespace')}`,
        '--ignore-not-found',
        '--wait=true',
        ...address,
      ]);
      rmSync(join(folder, 's3', of('bucket')), { recursive: true, force: true });
      forget(`database/${of('database')}`);
      effect(`destroy ${site.split('/').at(-1)}`);
    }
    keep(key, []);
    return {};
  }
  const resources: [string, () => void][] = [
    [
      'aws_s3_bucket.files',
      () => void mkdirSync(join(folder, 's3', of('bucket')), { recursive: true }),
    ],
    [
      'kubernetes_namespace.site',
      () => {
        const object = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: of('namespace') } };
        kubectl(['create', '--filename=-', ...address], JSON.stringify(object));
      },
    ],
  ];
  for (const [name, make] of resources) {
    if (made.includes(name)) continue;
    make();
    made.push(name);
    keep(key, made);
    effect(`create ${name} at ${site.split('/').at(-1)}`);
    if (fault?.when === 'half') die();
  }
  return { stdout: 'Apply complete!\n' };
}

// helm: what a chart's templates hold, as they are

interface ReleaseState {
  revisions: { revision: number; status: string; description: string }[];
}

function helm(taken: Taken): Answer {
  const [release = '', second = ''] = taken.rest;
  const address = [
    `--kubeconfig=${flag(taken, '--kubeconfig')}`,
    `--context=${flag(taken, '--kube-context')}`,
    `--namespace=${flag(taken, '--namespace')}`,
  ];
  const key = `helm/${flag(taken, '--kube-context')}.${flag(taken, '--namespace')}.${release}`;
  const found = state<ReleaseState>(key);
  const last = found?.revisions.at(-1);
  const none: Answer = { stderr: 'Error: release: not found\n', exitCode: 1 };
  if (taken.verb === 'status')
    return last
      ? { stdout: JSON.stringify({ name: release, version: last.revision, info: last }) }
      : none;
  if (taken.verb === 'history') return found ? { stdout: JSON.stringify(found.revisions) } : none;
  if (taken.verb === 'uninstall') {
    if (!found) return none;
    forget(key);
    effect(`uninstall ${release}`);
    return {};
  }
  const revisions = found?.revisions ?? [];
  if (taken.verb === 'upgrade') {
    if (last?.status.startsWith('pending'))
      return {
        stderr:
          'Error: UPGRADE FAILED: another operation (install/upgrade/rollback) is in progress\n',
        exitCode: 1,
      };
    if (last && !revisions.some(({ status }) => status === 'deployed'))
      return {
        stderr: `Error: UPGRADE FAILED: "${release}" has no deployed releases\n`,
        exitCode: 1,
      };
  }
  const revision = (last?.revision ?? 0) + 1;
  const pending = revision === 1 ? 'pending-install' : 'pending-upgrade';
  keep(key, {
    revisions: [...revisions, { revision, status: pending, description: 'in progress' }],
  });
  if (fault?.when === 'half') die();
  if (taken.verb === 'upgrade') {
    // Only here: it takes long to load, and there are many calls.
    const { parseAllDocuments } = createRequire(import.meta.url)('yaml') as typeof Yaml;
    const templates = join(second, 'templates');
    for (const name of readdirSync(templates).sort())
      for (const document of parseAllDocuments(readFileSync(join(templates, name), 'utf8')))
        kubectl(
          ['apply', '--server-side', '--force-conflicts', '--filename=-', ...address],
          JSON.stringify(document.toJS()),
        );
  }
  for (const each of revisions) if (each.status === 'deployed') each.status = 'superseded';
  keep(key, {
    revisions: [
      ...revisions,
      { revision, status: 'deployed', description: flag(taken, '--description') },
    ],
  });
  effect(`${taken.verb} ${release} to revision ${revision}`);
  return { stdout: `Release "${release}" has been upgraded. Happy Helming!\n` };
}

// aws: objects in folders

function aws(taken: Taken): Answer {
  const [first = '', second = ''] = taken.rest;
  const at = (address: string): string => join(folder, 's3', address.replace('s3://', ''));
  const own = join(folder, 's3', flag(taken, '--bucket'), flag(taken, '--key'));
  const notThere = (operation: string): Answer => ({
    stderr: `fatal error: An error occurred (404) when calling the ${operation} operation: Not Found\n`,
    exitCode: operation === 'HeadObject' ? 254 : 1,
  });
  if (taken.verb === 's3 cp' && second === '-')
    return existsSync(at(first)) ? { stdout: readFileSync(at(first)) } : notThere('HeadObject');
  if (taken.verb === 's3 cp') {
    put(at(second), input);
    return {};
  }
  if (taken.verb === 's3 rm') {
    rmSync(at(first), { force: true });
    effect(`remove ${first}`);
    return {};
  }
  if (taken.verb === 's3api list-objects-v2') {
    const bucket = join(folder, 's3', flag(taken, '--bucket'));
    const found = filesBelow(bucket)
      .filter((key) => key.startsWith(flag(taken, '--prefix')))
      .map((key) => ({
        key,
        size: statSync(join(bucket, key)).size,
        at: statSync(join(bucket, key)).mtime.toISOString(),
      }));
    return { stdout: `${JSON.stringify(found.length === 0 ? null : found)}\n` };
  }
  if (taken.verb === 's3api head-object')
    return existsSync(own)
      ? { stdout: `${JSON.stringify(checksum(own))}\n` }
      : notThere('HeadObject');
  const source = join(folder, 's3', decodeURIComponent(flag(taken, '--copy-source')));
  if (!existsSync(source))
    return {
      stderr: 'An error occurred (NoSuchKey) when calling the CopyObject operation\n',
      exitCode: 254,
    };
  put(own, readFileSync(source));
  effect(`copy to ${flag(taken, '--bucket')}/${flag(taken, '--key')}`);
  return { stdout: `${JSON.stringify(checksum(own))}\n` };
}

function put(file: string, content: Buffer): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.${process.pid}~`, content);
  renameSync(`${file}.${process.pid}~`, file);
}

function checksum(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('base64');
}

function filesBelow(below: string): string[] {
  if (!existsSync(below)) return [];
  return readdirSync(below, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith('~'))
    .map((entry) => join(entry.parentPath, entry.name).slice(below.length + 1))
    .sort();
}

// psql: answers to the program's own statements, by their names

export interface DatabaseFile {
  started: boolean;
  role: 'standby' | 'primary';
  paused: boolean;
  systemIdentifier: string;
  timeline: number;
  lastCommit: string;
  /** How often replay is still seen to go on. */
  ahead: number;
  segment: number;
  store: string;
  rows: Record<string, unknown[]>;
}

function psql(taken: Taken): Answer {
  const host = flag(taken, '--host');
  const key = `database/${host}`;
  const found = state<DatabaseFile>(key);
  if (!found?.started)
    return {
      stderr: `psql: error: connection to server at "${host}", port 5432 failed: Connection refused\n`,
      exitCode: 2,
    };
  const [, what = ''] = /^\/\* site: (.+?) \*\//.exec(flag(taken, '--command')) ?? [];
  const { role, paused, systemIdentifier, timeline, lastCommit } = found;
  const name = (number: number): string => `${hex(timeline)}00000000${hex(number)}`;
  const say = (value: unknown): Answer => ({
    stdout: `${typeof value === 'string' ? value : JSON.stringify(value)}\n`,
  });
  if (what === 'state') return say({ role, systemIdentifier, timeline, lastCommit });
  if (what === 'replay') {
    if (found.ahead > 0) keep(key, { ...found, ahead: found.ahead - 1 });
    return say({ paused, lsn: `0/${hex(100 - found.ahead)}`, timeline, lastCommit });
  }
  if (what === 'pause') {
    keep(key, { ...found, paused: true });
    return say('');
  }
  if (what === 'promote') {
    if (role === 'standby') {
      keep(key, { ...found, role: 'primary', timeline: timeline + 1 });
      archive(found.store, `${hex(timeline + 1)}.history`, 'history');
      effect(`promote ${host}`);
    }
    return say('t');
  }
  if (what === 'switch-wal') {
    archive(found.store, name(found.segment), Buffer.alloc(2 ** 20, found.segment));
    keep(key, { ...found, segment: found.segment + 1 });
    return say({ lsn: '0/1', segment: name(found.segment) });
  }
  if (['writing', 'waiting'].includes(what)) return say('0');
  if (what.startsWith('query')) return say(String((found.rows[what] ?? []).length));
  return say(found.rows[what] ?? '');
}

function hex(number: number): string {
  return number.toString(16).toUpperCase().padStart(8, '0');
}

/** What the archiver of a database does. */
function archive(store: string, name: string, content: string | Buffer): void {
  const file = join(folder, 's3', store, 'wal', name);
  put(file, Buffer.from(content));
  put(`${file}.sha256`, Buffer.from(createHash('sha256').update(readFileSync(file)).digest('hex')));
}

// kubectl: objects in files

function kubectl(args: readonly string[], text = ''): Answer {
  const real = process.env['STAND_IN_KUBECTL'];
  if (real) return passOn(real, args, text);
  const taken = take('kubectl', args);
  const place = `kube/${flag(taken, '--context')}/${flag(taken, '--namespace') || 'default'}`;
  const [first = '', second = ''] = taken.rest;
  if (taken.verb === 'create job') {
    const [, cronJob = ''] = flag(taken, '--from').split('/');
    const template = state<Kube>(`${place}/cronjob/${cronJob}`);
    if (!template)
      return {
        stderr: `Error from server (NotFound): cronjobs.batch "${cronJob}" not found\n`,
        exitCode: 1,
      };
    const spec = (template.spec?.['jobTemplate'] as { spec: Record<string, unknown> }).spec;
    return putObject(
      'create',
      place,
      { kind: 'Job', apiVersion: 'batch/v1', metadata: { name: first }, spec },
      flag(taken, '--context'),
    );
  }
  if (['create', 'replace', 'apply'].includes(taken.verb))
    return putObject(taken.verb, place, JSON.parse(text) as Kube, flag(taken, '--context'));
  const what = taken.verb === 'rollout status' ? first : first;
  const [kind = '', name = ''] = what.includes('/') ? what.split('/') : [what, second];
  const key =
    kind === 'namespace'
      ? `kube/${flag(taken, '--context')}/${name}`
      : `${place}/${kind.split('.')[0]?.replace(/s$/, '')}/${name}`;
  if (kind === 'namespace') {
    rmSync(join(folder, 'state', key), { recursive: true, force: true });
    return {};
  }
  const found = state<Kube>(key);
  const missing: Answer = {
    stderr: `Error from server (NotFound): ${kind} "${name}" not found\n`,
    exitCode: 1,
  };
  if (!found) return taken.flags.has('--ignore-not-found') ? {} : missing;
  const change = (next: Kube): Answer => {
    keep(key, {
      ...next,
      metadata: {
        ...next.metadata,
        resourceVersion: String(Number(found.metadata.resourceVersion) + 1),
      },
    });
    return {};
  };
  switch (taken.verb) {
    case 'get': {
      const pods = found.spec?.replicas;
      return {
        stdout: JSON.stringify(
          pods === undefined
            ? found
            : { ...found, status: { replicas: pods, readyReplicas: pods } },
        ),
      };
    }
    case 'scale':
      effect(`scale ${flag(taken, '--context')}/${name} to ${flag(taken, '--replicas')}`);
      return change({
        ...found,
        spec: { ...found.spec, replicas: Number(flag(taken, '--replicas')) },
      });
    case 'annotate': {
      const [annotation = '', value = ''] = second.split('=');
      return change({
        ...found,
        metadata: {
          ...found.metadata,
          annotations: { ...found.metadata.annotations, [annotation]: value },
        },
      });
    }
    case 'delete':
      forget(key);
      return {};
    default:
      return { stdout: `deployment "${name}" successfully rolled out\n` };
  }
}

function putObject(verb: string, place: string, object: Kube, context: string): Answer {
  const kind = object.kind.toLowerCase();
  const key =
    kind === 'namespace'
      ? `kube/${context}/${object.metadata.name}/namespace`
      : `${place}/${kind}/${object.metadata.name}`;
  if (kind !== 'namespace' && state(`${place}/namespace`) === undefined)
    return {
      stderr: `Error from server (NotFound): namespaces "${place.split('/').at(-1)}" not found\n`,
      exitCode: 1,
    };
  const before = state<Kube>(key);
  if (verb === 'create' && before)
    return {
      stderr: `Error from server (AlreadyExists): ${kind} "${object.metadata.name}" already exists\n`,
      exitCode: 1,
    };
  if (verb === 'replace' && before?.metadata.resourceVersion !== object.metadata.resourceVersion)
    return {
      stderr:
        'Error from server (Conflict): the object has been modified; please apply your changes\n',
      exitCode: 1,
    };
  const resourceVersion = String(Number(before?.metadata.resourceVersion ?? 0) + 1);
  const next = {
    ...object,
    metadata: { ...before?.metadata, ...object.metadata, resourceVersion },
  };
  keep(
    key,
    kind === 'job'
      ? { ...next, status: { conditions: [{ type: 'Complete', status: 'True' }] } }
      : next,
  );
  if (kind === 'job') doJob(object, context);
  return {};
}

/** What the pods of a Job do. */
function doJob({ metadata, spec }: Kube, context: string): void {
  const template = spec?.['template'] as {
    spec: { containers: { env?: { name: string; value?: string }[] }[] };
  };
  const given = Object.fromEntries(
    (template.spec.containers[0]?.env ?? []).map((each) => [each.name, each.value ?? '']),
  );
  const { DATABASE = '', RESTORE_BACKUP, RESTORE_STORE = '' } = given;
  effect(`job ${metadata.name} at ${context}`);
  if (RESTORE_BACKUP !== undefined) {
    const master = state<DatabaseFile>('backed-up');
    keep(`database/${DATABASE}`, {
      ...master,
      started: true,
      role: 'standby',
      paused: false,
      store: RESTORE_STORE.replace('s3://', ''),
    });
    return;
  }
  const found = state<DatabaseFile>(`database/${DATABASE}`);
  if (!found) return;
  const id = `base-${Date.now()}`;
  const part = Buffer.from(`all of ${found.systemIdentifier}`);
  const sha256 = createHash('sha256').update(part).digest('hex');
  const backup = {
    ...{
      id,
      takenAt: new Date().toISOString(),
      tookMs: 1_000,
      bytes: part.length,
      systemIdentifier: found.systemIdentifier,
    },
    ...{
      version: 17,
      timeline: found.timeline,
      startWal: `${hex(found.timeline)}00000000${hex(found.segment)}`,
    },
    parts: [{ name: 'base.tar', bytes: part.length, sha256 }],
  };
  const below = join(folder, 's3', found.store, 'base', id);
  put(join(below, 'base.tar'), part);
  const text = Buffer.from(JSON.stringify(backup));
  put(join(below, 'backup.json'), text);
  put(
    join(below, 'backup.json.sha256'),
    Buffer.from(createHash('sha256').update(text).digest('hex')),
  );
}

function passOn(program: string, args: readonly string[], text = input.toString('utf8')): Answer {
  const { stdout, stderr, status } = spawnSync(program, args, { input: text });
  return { stdout, stderr: stderr.toString('utf8'), exitCode: status ?? 1 };
}
