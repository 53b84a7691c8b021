import { runbook } from '../../workflows/engine/runbook.js';
import type { Work } from '../../workflows/engine/attempts.js';
import { heldSpec, stepsSpec, treeSpec, type CountedKind, type HeldKind } from './specs.js';

/*
 * Procedures whose effects are counted where they happen, beside those of the engine's tests.
 */

export * from '../engine/procedures.js';

/** Every effect leaves its id: a line in a file, a row in a table, an entry in a service's list. */
function effect(kind: CountedKind, id: string, journal: string): Work {
  switch (kind) {
    case 'command':
      return {
        action: {
          kind: 'command',
          argv: ['/bin/sh', '-c', 'sleep 0.1; echo "$1" >> "$2"; echo "did $1"', 'sh', id, journal],
        },
      };
    case 'sql':
      return {
        action: {
          kind: 'sql',
          target: 'database',
          statements: [{ text: 'INSERT INTO effects (id) VALUES ($1)', values: [id] }],
        },
      };
    case 'http':
      return {
        action: {
          kind: 'http',
          target: 'service',
          method: 'POST',
          path: '/honours',
          json: { id },
          idempotencyKey: true,
        },
      };
    case 'post':
      return {
        action: { kind: 'http', target: 'service', method: 'POST', path: '/ignores', json: { id } },
      };
    case 'notify':
      return { action: { kind: 'notify', target: 'service', text: id } };
    case 'check':
      return {
        action: {
          kind: 'check',
          probe: { kind: 'http', target: 'service', method: 'GET', path: '/ready' },
          until: { cel: 'out.status == 200' },
          everyMs: 50,
        },
      };
  }
}

const steps = runbook(stepsSpec, async (run) => {
  const { kinds, rounds, journal } = run.inputs as {
    kinds: string;
    rounds: number;
    journal: string;
  };
  for (let round = 1; round <= rounds; round += 1) {
    for (const kind of kinds.split(',') as CountedKind[]) {
      await run.step(kind, effect(kind, `${run.id} ${kind} ${round}`, journal));
    }
  }
});

const tree = runbook(treeSpec, async (run) => {
  const { script, argument, seconds } = run.inputs as {
    script: string;
    argument: string;
    seconds: number;
  };
  await run.step('tree', {
    action: { kind: 'command', argv: ['/bin/sh', '-c', script, 'sh', argument] },
    timeoutMs: seconds * 1_000,
  });
});

const held = runbook(heldSpec, async (run) => {
  const { kind, journal, release, lock } = run.inputs as {
    kind: HeldKind;
    journal: string;
    release: string;
    lock: number;
  };
  const id = `${run.id} ${kind} 1`;
  const script = 'echo "$1" >> "$2"; while [ ! -e "$3" ]; do echo tick; sleep 0.1; done; echo done';
  const actions: Record<HeldKind, Work['action']> = {
    command: { kind: 'command', argv: ['/bin/sh', '-c', script, 'sh', id, journal, release] },
    sql: {
      kind: 'sql',
      target: 'database',
      statements: [
        { text: 'INSERT INTO effects (id) VALUES ($1)', values: [id] },
        { text: 'SELECT pg_advisory_xact_lock_shared($1)', values: [lock] },
      ],
      statementTimeoutMs: 110_000,
      lockTimeoutMs: 110_000,
    },
    http: {
      kind: 'http',
      target: 'service',
      method: 'POST',
      path: '/held',
      json: { id },
      idempotencyKey: true,
    },
    post: { kind: 'http', target: 'service', method: 'POST', path: '/held', json: { id } },
  };
  await run.step(kind, { action: actions[kind] });
});

export { steps as 'chaos-steps', tree as 'chaos-tree', held as 'chaos-held' };
