import { runbook } from '../../workflows/engine/runbook.js';
import type { Work } from '../../workflows/engine/run.js';
import { heldSpec, stepsSpec, treeSpec, type CountedKind } from './specs.js';

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
        action: { kind: 'sql', target: 'database', statements: [{ text: 'INSERT INTO effects (id) VALUES ($1)', values: [id] }] },
      };
    case 'http':
      return {
        action: { kind: 'http', target: 'service', method: 'POST', path: '/honours', json: { id }, idempotencyKey: true },
      };
    case 'post':
      return { action: { kind: 'http', target: 'service', method: 'POST', path: '/ignores', json: { id } } };
    case 'notify':
      return { action: { kind: 'notify', target: 'service', text: id } };
    case 'check':
      return {
        action: {
          kind: 'check',
          probe: { kind: 'http', target: 'service', method: 'GET', path: '/ready' },
          until: { path: 'status', is: 200 },
          everyMs: 50,
        },
      };
  }
}

const steps = runbook(stepsSpec, async (run) => {
  const kinds = String(run.inputs['kinds']).split(',') as CountedKind[];
  for (let round = 1; round <= Number(run.inputs['rounds']); round += 1) {
    for (const kind of kinds) {
      await run.step(kind, effect(kind, `${run.key.run} ${kind} ${round}`, String(run.inputs['journal'])));
    }
  }
});

const tree = runbook(treeSpec, async (run) => {
  const { script, argument, seconds } = run.inputs;
  await run.step('tree', {
    action: { kind: 'command', argv: ['/bin/sh', '-c', String(script), 'sh', String(argument)] },
    timeoutMs: Number(seconds) * 1_000,
  });
});

const held = runbook(heldSpec, async (run) => {
  const { kind, journal, release, lock } = run.inputs;
  const id = `${run.key.run} ${String(kind)} 1`;
  const script = 'echo "$1" >> "$2"; while [ ! -e "$3" ]; do echo tick; sleep 0.1; done; echo done';
  const actions: Record<string, Work['action']> = {
    command: { kind: 'command', argv: ['/bin/sh', '-c', script, 'sh', id, String(journal), String(release)] },
    sql: {
      kind: 'sql',
      target: 'database',
      statements: [
        { text: 'INSERT INTO effects (id) VALUES ($1)', values: [id] },
        { text: 'SELECT pg_advisory_xact_lock_shared($1)', values: [lock as number] },
      ],
      statementTimeoutMs: 110_000,
      lockTimeoutMs: 110_000,
    },
    http: { kind: 'http', target: 'service', method: 'POST', path: '/held', json: { id }, idempotencyKey: true },
  };
  await run.step(String(kind), { action: actions[String(kind)] as Work['action'] });
});

export { steps as 'chaos-steps', tree as 'chaos-tree', held as 'chaos-held' };
