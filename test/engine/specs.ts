import { untouched } from '../../common/lease.js';
import type { InputSpec, RunbookSpec, StepSpec } from '../../language/runbook.js';
import { plainRunbook } from '../helpers/plain-runbook.js';

const quick = { attempts: 4, initialMs: 50, factor: 1 };

function spec(
  id: string,
  steps: readonly StepSpec[],
  inputs: Record<string, InputSpec> = {},
): RunbookSpec {
  return plainRunbook({
    ...{ id, title: `Test of ${id}`, type: 'TROUBLESHOOTING', inputs },
    // Most tests want to see how a failure ends the run; those of the desk ask.
    steps: steps.map(aborting),
  });
}

function aborting(step: StepSpec): StepSpec {
  return {
    onFailure: 'abort',
    ...step,
    ...(step.steps ? { steps: step.steps.map(aborting) } : {}),
  };
}

const text: InputSpec = { type: 'text', description: 'a text', maxLength: 4_000 };

/** Commands given as an input, one step each, retried. */
export const commandsSpec = spec(
  'test-commands',
  [
    { id: 'first', title: 'First command', kind: 'command', effect: 'change', retry: quick },
    { id: 'second', title: 'Second command', kind: 'command', effect: 'change', retry: quick },
  ],
  { first: text, second: text },
);

/** Of the kind that no run holds: otherwise runs would wait for each other's lease. */
const counting = (name: string): InputSpec => ({
  type: 'target',
  kind: untouched,
  default: name,
  description: 'where effects are counted',
});
export const counted = { database: counting('database'), service: counting('service') };

/** Effects of three kinds, in turn, that are counted outside of everything we trust. */
export const effectsSpec = spec(
  'test-effects',
  [
    { id: 'command', title: 'Append a line', kind: 'command', effect: 'change', retry: quick },
    { id: 'sql', title: 'Insert a row', kind: 'sql', effect: 'change', retry: quick },
    {
      id: 'http',
      title: 'Ask a service',
      kind: 'http',
      effect: 'change',
      retry: { ...quick, attempts: 20 },
    },
  ],
  { rounds: { type: 'integer', description: 'how often' }, journal: text, ...counted },
);

/** Commands that ask at the failure desk; the second one's output is needed at the end. */
export const deskSpec = spec(
  'test-desk',
  [
    {
      id: 'first',
      title: 'First command',
      kind: 'command',
      effect: 'change',
      retry: { attempts: 1 },
      undo: 'Undo it',
      onFailure: 'ask',
    },
    {
      id: 'second',
      title: 'Second command',
      kind: 'command',
      effect: 'change',
      retry: quick,
      answers: ['stdout'],
      onFailure: 'ask',
    },
  ],
  { first: text, second: text, journal: text },
);

/** One command that is bound to its host unless it may be done again. */
export const hostSpec = spec(
  'test-host',
  [
    {
      id: 'work',
      title: 'Work',
      kind: 'command',
      effect: 'change',
      retry: quick,
      // It waits for its test, and must not be ended because the machine is slow.
      timeoutMs: 3_600_000,
      onFailure: 'ask',
    },
  ],
  {
    work: text,
    idempotent: { type: 'boolean', default: false, description: 'may it be done again?' },
  },
);

/** Change, gate, change, with undos: every way out of a gate. */
export const gatedSpec = spec(
  'test-gated',
  [
    {
      id: 'before',
      title: 'Change before the gate',
      kind: 'command',
      effect: 'change',
      retry: quick,
      undo: 'Remove what the first change wrote',
    },
    { id: 'gate', title: 'May it go on?', kind: 'approval', effect: 'read', approvers: 'another' },
    {
      id: 'after',
      title: 'Change behind the gate',
      kind: 'command',
      effect: 'change',
      retry: quick,
      undo: 'Remove what the second change wrote',
    },
    {
      id: 'last',
      title: 'Last command',
      kind: 'command',
      effect: 'change',
      retry: { attempts: 1 },
    },
  ],
  {
    journal: text,
    last: text,
    first_change: { type: 'boolean', default: true, description: 'make a change before the gate' },
  },
);

/** Two gates, each with a change behind it. Only rogue workflow code runs it. */
export const twoGatesSpec = spec(
  'test-two-gates',
  ['one', 'two'].flatMap((id): StepSpec[] => [
    { id: `gate-${id}`, title: `May ${id}?`, kind: 'approval', effect: 'read' },
    { id, title: `Change ${id}`, kind: 'command', effect: 'change', retry: quick },
  ]),
  { journal: text },
);

/** A procedure with a bug: it goes round its own gate. */
export const gateSkipperSpec = spec(
  'test-gate-skipper',
  [
    { id: 'gate', title: 'May it go on?', kind: 'approval', effect: 'read' },
    {
      id: 'after',
      title: 'Change behind the gate',
      kind: 'command',
      effect: 'change',
      retry: quick,
    },
  ],
  { journal: text },
);

export const deadlineSpec = spec('test-deadline', [
  { id: 'gate', title: 'May it go on?', kind: 'approval', effect: 'read', deadlineMs: 1_500 },
]);

const dayMs = 24 * 60 * 60 * 1_000;

/** A gate between two changes that may wait for a long time. */
export const patientSpec = spec(
  'test-patient',
  [
    {
      id: 'before',
      title: 'Change before the gate',
      kind: 'command',
      effect: 'change',
      retry: quick,
    },
    {
      id: 'gate',
      title: 'May it go on?',
      kind: 'approval',
      effect: 'read',
      deadlineMs: 42 * dayMs,
    },
    {
      id: 'after',
      title: 'Change behind the gate',
      kind: 'command',
      effect: 'change',
      retry: quick,
    },
  ],
  { journal: text },
);

/** Three commands at once, one of which may fail. */
export const parallelSpec = spec(
  'test-parallel',
  [
    {
      id: 'all',
      title: 'Several at once',
      kind: 'parallel',
      effect: 'change',
      steps: [
        { id: 'a', title: 'A', kind: 'command', effect: 'change', retry: { attempts: 1 } },
        { id: 'b', title: 'B', kind: 'command', effect: 'change', retry: { attempts: 1 } },
      ],
    },
  ],
  { a: text, b: text },
);

/** As many steps as wanted, then a gate: for runs that continue as new. */
export const longSpec = spec(
  'test-long',
  [
    {
      id: 'count',
      title: 'Append a line',
      kind: 'command',
      effect: 'change',
      retry: quick,
      undo: 'Append another',
    },
    { id: 'gate', title: 'May it end?', kind: 'approval', effect: 'read' },
  ],
  { rounds: { type: 'integer', description: 'how often' }, journal: text },
);

/** One HTTP or SQL action on a target, given by the test. */
export const callSpec = spec(
  'test-call',
  [{ id: 'http', title: 'Call', kind: 'http', effect: 'read', retry: quick, timeoutMs: 5_000 }],
  { target: { type: 'target', kind: 'service', description: 'where to' }, path: text },
);

const service: InputSpec = { type: 'target', kind: 'service', description: 'what is changed' };

const leaseSteps: readonly StepSpec[] = [
  {
    id: 'first',
    title: 'First change',
    kind: 'command',
    effect: 'change',
    undo: 'Undo it',
    onFailure: 'ask',
  },
  { id: 'second', title: 'Second change', kind: 'command', effect: 'change', onFailure: 'ask' },
];

/** Two commands that change a target. */
export const leaseSpec = spec('test-lease', leaseSteps, {
  target: service,
  first: text,
  second: text,
  journal: text,
});

/** The same without a target, so without a lease. */
export const leaselessSpec = spec('test-leaseless', leaseSteps, {
  first: text,
  second: text,
  journal: text,
});

/** The same on a target, but it only reads; and a message to people is no change. */
export const readerSpec = spec(
  'test-reader',
  [
    { id: 'first', title: 'First look', kind: 'command', effect: 'read' },
    { id: 'second', title: 'Second look', kind: 'command', effect: 'read' },
    { id: 'tell', title: 'Tell people', kind: 'notify', effect: 'change' },
  ],
  { target: service, first: text, second: text },
);

/** Steps that say nothing of `retry`, and one that does. */
export const triesSpec = spec(
  'test-tries',
  [
    { id: 'change', title: 'Change and fail', kind: 'command', effect: 'change' },
    {
      id: 'said',
      title: 'The same, to be repeated',
      kind: 'command',
      effect: 'change',
      retry: quick,
    },
    { id: 'read', title: 'Read and fail', kind: 'command', effect: 'read' },
    { id: 'again', title: 'Ask a busy service', kind: 'http', effect: 'change' },
    { id: 'gateway', title: 'Ask behind a gateway', kind: 'http', effect: 'change', retry: quick },
    {
      id: 'verified',
      title: 'Act, then see nothing',
      kind: 'http',
      effect: 'change',
      timeoutMs: 600,
    },
  ],
  { journal: text, target: service },
);

/** A procedure whose code fails behind its first step, as a fault of the program would. */
export const buggySpec = spec(
  'test-buggy',
  [{ id: 'first', title: 'First command', kind: 'command', effect: 'change', retry: quick }],
  { first: text },
);

export const testCatalogue: readonly RunbookSpec[] = [
  commandsSpec,
  gatedSpec,
  twoGatesSpec,
  gateSkipperSpec,
  deadlineSpec,
  patientSpec,
  parallelSpec,
  deskSpec,
  effectsSpec,
  longSpec,
  callSpec,
  leaseSpec,
  leaselessSpec,
  readerSpec,
  triesSpec,
  buggySpec,
  hostSpec,
];
