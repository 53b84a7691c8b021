import type { JsonObject } from '../../language/json.js';
import type { PlannedTarget } from '../../language/plan.js';
import type { CommandAction } from '../../language/runbook.js';
import { ProcedureStopped } from '../engine/outcome.js';

/** What a command step keeps of its program. */
interface Said {
  stdout: string;
}

export interface Artefact {
  version: string;
  digest: string;
  changelog: string;
  migrations: Record<'expand' | 'contract' | 'undo', string[]>;
}

/** Servers by name; null where nothing runs. */
export interface Running {
  servers: Record<string, { version: string; address: string } | null>;
}

/**
 * The program that knows how a service's releases are checked, started and stopped. Its path is a fact of the target; what
 * it is to do comes as arguments, what it found as one line of JSON. Each call can be made twice: what is done is not done
 * again.
 */
export function deployerOf(service: PlannedTarget) {
  const program = service.facts['deployer'];
  if (typeof program !== 'string' || program === '') {
    throw new ProcedureStopped(
      `target ${service.name} does not say how its releases are started`,
      'Name its deployer in targets.yaml: `facts: { deployer: /path/to/program }`.',
    );
  }
  const call = (...args: string[]): CommandAction => ({
    kind: 'command',
    target: service.name,
    argv: [program, ...args],
    idempotent: true,
  });
  return {
    artefact: (version: string, digest: string | null) =>
      call('artefact', version, ...(digest === null ? [] : [digest])),
    running: () => call('running'),
    backup: () => call('backup'),
    /** Expand and undo on a copy of the database; fails when the running or the next version would not work on it. */
    rehearse: (running: string, next: string) => call('rehearse', running, next),
    migrate: (phase: 'expand' | 'contract' | 'undo', version: string) =>
      call('migrate', phase, version),
    /** Does this version work on the schema as it is? */
    schema: (version: string) => call('schema', version),
    start: (server: string, version: string) => call('start', server, version),
    stop: (server: string) => call('stop', server),
    /** Ends with 0 when the server is healthy and ready, with 1 when it is not yet. */
    ready: (server: string): CommandAction => ({ ...call('ready', server), exitCodes: [0, 1] }),
    version: (server: string) => call('version', server),
    smoke: (server: string) => call('smoke', server),
  };
}

export type Deployer = ReturnType<typeof deployerOf>;

/** The one line of JSON that the deployer answers with. @throws ProcedureStopped when it is none */
export function answerOf<T>(output: unknown, what: string): T {
  const text = ((output as Said | null)?.stdout ?? '').trim().split('\n').at(-1) ?? '';
  try {
    const answer = JSON.parse(text) as JsonObject;
    if (answer !== null && typeof answer === 'object') return answer as T;
  } catch {
    // Said below, in words.
  }
  throw new ProcedureStopped(
    `the deployer did not say ${what}: it answered ${JSON.stringify(text.slice(0, 100))}`,
    'A deployer answers with one line of JSON: see docs/deploying.md.',
  );
}
