import type { InputSpec, RunbookSpec, StepSpec } from '../../language/runbook.js';
import { plainRunbook } from '../helpers/plain-runbook.js';

/*
 * What test/driver/procedures.ts declares.
 */

function spec(
  id: string,
  steps: readonly StepSpec[],
  inputs: Record<string, InputSpec> = {},
): RunbookSpec {
  return plainRunbook({
    ...{ id, title: `Test of ${id}`, type: 'TROUBLESHOOTING', steps, inputs },
  });
}

const read = { kind: 'command', effect: 'read', retry: { attempts: 1 } } as const;
const change = { kind: 'command', effect: 'change', retry: { attempts: 1 } } as const;
const gate: StepSpec = { id: 'gate', title: 'May it go on?', kind: 'approval', effect: 'read' };

/** Everything that code can ask of a run. */
export const tourSpec = spec(
  'code-tour',
  [
    { id: 'choose', title: 'Choose', kind: 'decide', effect: 'read' },
    {
      ...{ id: 'both', title: 'Both at once', kind: 'parallel', effect: 'read' },
      steps: [
        { ...read, id: 'left', title: 'Left' },
        { ...read, id: 'right', title: 'Right' },
      ],
    },
    {
      id: 'each',
      title: 'Each',
      kind: 'forEach',
      effect: 'read',
      steps: [{ ...read, id: 'one', title: 'Look at' }],
    },
    { ...change, id: 'work', title: 'Work' },
    { ...change, id: 'spare', title: 'Spare work' },
    { ...change, id: 'tell', title: 'Tell', onFailure: 'abort' },
    { id: 'hand', title: 'By hand', kind: 'manual', effect: 'read' },
  ],
  {
    other: {
      type: 'target',
      kind: 'service',
      description: 'what it does not act on',
      default: 'mail',
    },
    service: { type: 'target', kind: 'service', description: 'what it acts on' },
  },
);

/** Faults that a procedure may have, one for each value of its input. */
export const faultySpec = spec(
  'code-faulty',
  [
    { ...read, id: 'look', title: 'Look' },
    { id: 'choose', title: 'Choose', kind: 'decide', effect: 'read' },
    { id: 'both', title: 'Both at once', kind: 'parallel', effect: 'read' },
    { id: 'each', title: 'Each', kind: 'forEach', effect: 'read' },
    gate,
    { ...change, id: 'work', title: 'Work behind the gate' },
    { id: 'hand', title: 'By hand behind the gate', kind: 'manual', effect: 'change' },
  ],
  { fault: { type: 'text', description: 'which one', maxLength: 100 } },
);

/** Goes another way when its gate is rejected. */
export const otherwiseSpec = spec('code-otherwise', [
  gate,
  { ...read, id: 'first', title: 'First' },
  { ...read, id: 'second', title: 'Second' },
  { ...read, id: 'approved', title: 'Approved' },
]);

/** Asks at its gate in ways that a plan does not. */
export const askingSpec = spec(
  'code-asking',
  [{ ...change, id: 'first', title: 'First' }, gate, { ...change, id: 'work', title: 'Work' }],
  {
    way: { type: 'text', description: 'which one', maxLength: 100 },
  },
);

/** Does not listen when it is told to end. */
export const stubbornSpec = spec('code-stubborn', [
  { ...change, id: 'work', title: 'Work', undo: 'Take it back' },
]);

const bothSides: StepSpec = {
  ...{ id: 'both', title: 'Both', kind: 'parallel', effect: 'change' },
  steps: [
    { ...change, id: 'left', title: 'Left' },
    { ...change, id: 'right', title: 'Right' },
  ],
};

/** A nested runbook whose steps code orders. */
export const nestedSpec = spec(
  'code-nested',
  [
    {
      ...{ id: 'deploy', title: 'Deploy', kind: 'runbook', effect: 'change' },
      steps: [
        { id: 'choose', title: 'Choose', kind: 'decide', effect: 'read' },
        gate,
        { ...change, id: 'work', title: 'Work' },
        bothSides,
        { ...change, id: 'spare', title: 'Spare' },
        {
          id: 'inner',
          title: 'Inner',
          kind: 'runbook',
          effect: 'change',
          steps: [{ ...change, id: 'work', title: 'Inner work' }],
        },
      ],
    },
  ],
  { fault: { type: 'text', description: 'which one', maxLength: 100, default: '' } },
);

/** Recovers something; drilled and meant. */
export const recoverySpec: RunbookSpec = {
  ...spec(
    'code-recovery',
    [
      { ...read, id: 'look', title: 'Look', clock: 'decide' },
      gate,
      { ...change, id: 'make', title: 'Make', undo: 'Remove it' },
      { ...change, id: 'point', title: 'Point of no return', pointOfNoReturn: true },
      { id: 'hand', title: 'By hand', kind: 'manual', effect: 'change' },
      { ...change, id: 'elsewhere', title: 'Elsewhere' },
      { id: 'elsewhere-too', title: 'Look elsewhere', kind: 'check', effect: 'change' },
      { id: 'tell', title: 'Tell', kind: 'notify', effect: 'change' },
    ],
    {
      service: { type: 'target', kind: 'service', description: 'what it changes' },
      source: {
        type: 'target',
        kind: 'service',
        description: 'what it reads',
        observed: true,
        default: 'live',
      },
      tell: { type: 'target', kind: 'webhook', description: 'who is told', default: 'pager' },
      spare: {
        type: 'target',
        kind: 'service',
        description: 'what it changes as well',
        optional: true,
      },
      fault: { type: 'text', description: 'which one', maxLength: 100, default: '' },
    },
  ),
  objectives: {
    rtoMinutes: 10,
    rpoMinutes: 1,
    services: { api: { rtoMinutes: 1, rpoMinutes: 1 } },
  },
  drillEveryDays: 7,
};

/** Does behind its gate what the gate lists, or something else. */
export const listingSpec = spec(
  'code-listing',
  [
    gate,
    { ...change, id: 'work', title: 'Work' },
    bothSides,
    { ...change, id: 'tell', title: 'Tell' },
    {
      ...{ id: 'hand', title: 'By hand', kind: 'manual', effect: 'change' },
      noUndo: 'people know what they did',
    },
  ],
  { fault: { type: 'text', description: 'what differs', maxLength: 100, default: '' } },
);

/** Takes its time before it comes to its step. */
export const sleepySpec = spec('code-sleepy', [gate, { ...change, id: 'work', title: 'Work' }]);

/** Its last step knows how to take back what the one before it did. */
export const heldSpec = spec('code-held', [
  { ...change, id: 'begin', title: 'Begin' },
  { ...change, id: 'hold', title: 'Note what was begun', undo: 'Stop it' },
  { id: 'hand', title: 'By hand', kind: 'manual', effect: 'read' },
]);

/** Parts of a group under other titles, and steps that are not needed. */
export const sectionsSpec = spec('code-sections', [
  { ...read, id: 'other', title: 'Other' },
  {
    id: 'group',
    title: 'Group',
    kind: 'runbook',
    effect: 'read',
    steps: [
      { ...read, id: 'one', title: 'One' },
      { ...read, id: 'two', title: 'Two' },
    ],
  },
]);

export const codeCatalogue: readonly RunbookSpec[] = [
  tourSpec,
  faultySpec,
  nestedSpec,
  askingSpec,
  otherwiseSpec,
  recoverySpec,
  sectionsSpec,
  sleepySpec,
  stubbornSpec,
  heldSpec,
  listingSpec,
];
