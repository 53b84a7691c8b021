import type { InputSpec, RunbookSpec, StepSpec } from '../../language/runbook.js';
import { counted, testCatalogue } from '../engine/specs.js';
import { plainRunbook } from '../helpers/plain-runbook.js';

const text: InputSpec = { type: 'text', description: 'a text', maxLength: 4_000 };
const number: InputSpec = { type: 'integer', description: 'a number' };
const quick = { attempts: 40, initialMs: 50, factor: 1 };

/** The kinds of step that the chaos tests count; `post` is a request that may not be sent twice. */
export const countedKinds = ['command', 'sql', 'http', 'post', 'notify', 'check'] as const;
export type CountedKind = (typeof countedKinds)[number];

const stepKinds = {
  command: 'command',
  sql: 'sql',
  http: 'http',
  post: 'http',
  notify: 'notify',
  check: 'check',
} as const;

/** One step of every counted kind; a run names those that it does, and how often. */
export const stepsSpec = spec(
  'chaos-steps',
  countedKinds.map((id) => ({
    id,
    title: `Effect of kind ${id}`,
    kind: stepKinds[id],
    effect: id === 'check' ? 'read' : 'change',
    retry: quick,
    onFailure: 'ask',
  })),
  { kinds: text, rounds: number, journal: text, ...counted },
);

/** A command whose time is over soon, or that is cancelled. */
export const treeSpec = spec(
  'chaos-tree',
  [
    {
      id: 'tree',
      title: 'A tree of processes',
      kind: 'command',
      effect: 'change',
      retry: { attempts: 1 },
      onFailure: 'abort',
    },
  ],
  { script: text, argument: text, seconds: number },
);

export const heldKinds = ['command', 'sql', 'http'] as const;
export type HeldKind = (typeof heldKinds)[number] | 'post';

/** Steps that are held in the middle of their effect until the test lets them go. */
export const heldSpec = spec(
  'chaos-held',
  [...heldKinds, 'post' as const].map((id) => ({
    id,
    title: `Held effect of kind ${id}`,
    kind: stepKinds[id],
    effect: 'change',
    timeoutMs: 120_000,
    retry: quick,
    onFailure: 'ask',
  })),
  { kind: text, journal: text, release: text, lock: number, ...counted },
);

export const chaosCatalogue: readonly RunbookSpec[] = [
  ...testCatalogue,
  stepsSpec,
  treeSpec,
  heldSpec,
];

function spec(
  id: string,
  steps: readonly StepSpec[],
  inputs: Record<string, InputSpec>,
): RunbookSpec {
  return plainRunbook({ id, title: `Chaos: ${id}`, type: 'TROUBLESHOOTING', inputs, steps });
}
