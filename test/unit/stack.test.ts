import { describe, expect, test } from '@jest/globals';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

/*
 * docker-compose.yml and Dockerfile cannot be started where there is no container engine. What a
 * reader would check is checked here instead.
 */
const root = join(import.meta.dirname, '..', '..');

interface Service {
  image: string;
  build?: string;
  init?: boolean;
  entrypoint?: string[];
  command?: string[];
  environment?: Record<string, string | number>;
  secrets?: string[];
  volumes?: string[];
  ports?: string[];
  restart: string;
  healthcheck?: { test: string[] };
  depends_on?: Record<string, { condition: string }>;
  deploy?: { replicas: number };
  stop_grace_period?: string;
  read_only?: boolean;
}

interface Stack {
  services: Record<string, Service>;
  volumes: Record<string, null>;
  secrets: Record<string, { file: string }>;
}

const text = readFileSync(join(root, 'docker-compose.yml'), 'utf8');
const stack = parse(text, { merge: true, strict: true }) as Stack;
const services = Object.entries(stack.services);
const once = ['temporal-schema', 'temporal-namespace', 'setup'];

describe('docker-compose.yml', () => {
  test('has the services of a production stack', () => {
    expect(Object.keys(stack.services).sort()).toEqual(
      ['postgres', 'temporal', 'temporal-ui', 'worker', ...once].sort(),
    );
    expect(stack.services['worker']?.deploy?.replicas).toBe(2);
    expect(stack.services['temporal']?.image).toMatch(/^temporalio\/server:/);
  });

  test.each(services)('%s runs a pinned image or our own', (_name, service) => {
    if (service.build) expect(service.build).toBe('.');
    else expect(service.image).toMatch(/^[a-z/-]+:\d+\.\d+(\.\d+)?(-[a-z]+)?$/);
  });

  test.each(services)('%s publishes its ports on loopback only', (_name, service) => {
    for (const port of service.ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:/);
  });

  test.each(services)('%s is watched if it stays up, and comes back', (name, service) => {
    if (once.includes(name)) expect(service.restart).toMatch(/^on-failure/);
    else {
      expect(service.restart).toBe('unless-stopped');
      expect(service.healthcheck?.test[0]).toBe('CMD');
    }
  });

  test.each(services)('%s waits for what it needs in the right state', (_name, service) => {
    for (const [needed, { condition }] of Object.entries(service.depends_on ?? {})) {
      expect(stack.services[needed]).toBeDefined();
      expect([needed, condition]).toEqual([
        needed,
        once.includes(needed) ? 'service_completed_successfully' : 'service_healthy',
      ]);
    }
  });

  test('a worker starts after the schema, the namespace and the setup', () => {
    const before = (name: string): string[] => {
      const needed = Object.keys(stack.services[name]?.depends_on ?? {});
      return [...needed, ...needed.flatMap(before)];
    };
    expect(new Set(before('worker'))).toEqual(
      new Set(['postgres', 'temporal', 'temporal-schema', 'temporal-namespace', 'setup']),
    );
  });

  test.each(services)('%s holds no password: secrets are files', (_name, service) => {
    for (const [key, value] of Object.entries(service.environment ?? {})) {
      if (/password|pwd|secret|token|database_url/i.test(key))
        expect([key, value]).toEqual([key, expect.stringMatching(/^\//)]);
      expect(String(value)).not.toMatch(/:\/\/[^/]*:[^/]*@/);
    }
    for (const secret of service.secrets ?? [])
      expect(stack.secrets[secret]?.file).toBe(`deploy/secrets/${secret}`);
  });

  test('make-secrets.sh makes exactly the secrets that are named, and git keeps none of them', () => {
    const made = readFileSync(join(root, 'deploy', 'make-secrets.sh'), 'utf8').matchAll(
      /^make (\w+) /gm,
    );
    expect([...made].map(([, name]) => name).sort()).toEqual(Object.keys(stack.secrets).sort());
    expect(readFileSync(join(root, 'deploy', 'secrets', '.gitignore'), 'utf8').split('\n')[0]).toBe(
      '*',
    );
  });

  test('every file and volume that is mounted is there', () => {
    for (const [, service] of services) {
      for (const volume of service.volumes ?? []) {
        const source = volume.replace(/^\$\{\w+:-([^}]+)\}/, '$1').split(':')[0]!;
        if (source.startsWith('./'))
          expect([source, existsSync(join(root, source))]).toEqual([source, true]);
        else expect(Object.keys(stack.volumes)).toContain(source);
      }
    }
  });

  test('a worker gets more time to stop than it gives its steps', () => {
    const worker = stack.services['worker']!;
    const stepsMs = Number(worker.environment!['RUNBOOK_STOP_GRACE_MS']);
    expect(stepsMs).toBeGreaterThan(0);
    expect(
      Number.parseInt(/^(\d+)m$/.exec(worker.stop_grace_period!)![1]!, 10) * 60_000,
    ).toBeGreaterThan(stepsMs);
  });

  test('our containers have a first process that collects the others, and write nowhere but where they should', () => {
    for (const name of ['worker', 'setup'])
      expect(stack.services[name]).toMatchObject({ init: true, read_only: true });
  });

  test('the server is tuned: its task queues are polled often enough', () => {
    const settings = parse(
      readFileSync(join(root, 'deploy', 'dynamic-config.yaml'), 'utf8'),
    ) as Record<string, { value: number }[]>;
    for (const queue of ['transfer', 'timer']) {
      expect(settings[`history.${queue}ProcessorMaxPollRPS`]?.[0]?.value).toBe(2000);
      expect(settings[`history.${queue}ProcessorMaxPollHostRPS`]?.[0]?.value).toBe(10000);
    }
  });
});

describe('deploy', () => {
  const scripts = readdirSync(join(root, 'deploy')).filter((name) => name.endsWith('.sh'));
  test.each(scripts)('%s can be executed and stops at the first error', (name) => {
    const file = join(root, 'deploy', name);
    expect(statSync(file).mode & 0o111).toBe(0o111);
    expect(readFileSync(file, 'utf8')).toMatch(/^#!\/bin\/sh\n(#.*\n)+set -eu\n/);
  });
});

describe('Dockerfile', () => {
  const lines = readFileSync(join(root, 'Dockerfile'), 'utf8').split('\n');
  test('runs as an ordinary user, from a pinned base', () => {
    expect(lines.filter((line) => line.startsWith('USER '))).toEqual(['USER node']);
    for (const line of lines.filter((candidate) => candidate.startsWith('FROM ')))
      expect(line).toMatch(/^FROM node:\d+\.\d+\.\d+-bookworm-slim/);
  });

  test('takes no secret, no history and no build of the host into the image', () => {
    const ignored = readFileSync(join(root, '.dockerignore'), 'utf8').split('\n');
    for (const path of ['.git', '.runbook', 'node_modules', 'dist', 'deploy/secrets'])
      expect(ignored).toContain(path);
  });
});
