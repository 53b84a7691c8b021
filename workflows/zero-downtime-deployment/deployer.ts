import type { PlannedTarget } from '../../language/plan.js';
import type { AnswerName, CommandAction } from '../../language/kinds/command.js';
import { answersOf } from '../shared/program-answer.js';
import { ProcedureStopped } from '../engine/outcome.js';

/**
 * The program that knows how a service's releases are checked, started and stopped. Its path is a
 * fact of the target. It gets its task as arguments and answers with one line of JSON. Each call is
 * idempotent.
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
  const asked = (answer: AnswerName, ...args: string[]): CommandAction => ({
    ...call(...args),
    answer,
  });
  return {
    artefact: (version: string, digest: string | null) =>
      asked('deployer-artefact', 'artefact', version, ...(digest === null ? [] : [digest])),
    running: () => asked('deployer-running', 'running'),
    backup: () => asked('deployer-backup', 'backup'),
    /**
     * Expand and undo on a copy of the database; fails when the running or the next version would
     * not work on it.
     */
    rehearse: (running: string, next: string) => call('rehearse', running, next),
    migrate: (phase: 'expand' | 'contract' | 'undo', version: string) =>
      call('migrate', phase, version),
    /** Checks that this version works on the present schema. */
    schema: (version: string) => call('schema', version),
    start: (server: string, version: string) => asked('deployer-started', 'start', server, version),
    stop: (server: string) => call('stop', server),
    /** Ends with 0 when the server is healthy and ready, with 1 when it is not yet. */
    ready: (server: string): CommandAction => ({ ...call('ready', server), exitCodes: [0, 1] }),
    version: (server: string) => asked('deployer-version', 'version', server),
    smoke: (server: string) => call('smoke', server),
  };
}

export type Deployer = ReturnType<typeof deployerOf>;

export const answerOf = answersOf({ name: 'the deployer', docs: 'docs/deploying.md' });
