import type { StepSpec } from '../../language/runbook.js';

/*
 * The parts of a recovery at another site, each with its steps;
 * workflows/full-system-disaster-recovery/parts.ts does them.
 */

const quick = { attempts: 3, initialMs: 500, factor: 2, maxMs: 5_000 };
export const minute = 60_000;
export const read = { effect: 'read', retry: quick, timeoutMs: 2 * minute } as const;
/** Only people can decide what to do with half a recovery: a failure asks them. */
export const change = { effect: 'change', onFailure: 'ask', retry: quick } as const;

/** Starts a part of the application and waits until it is ready. */
function tier(id: string, title: string): StepSpec {
  return {
    id,
    title,
    kind: 'runbook',
    effect: 'change',
    steps: [
      { ...change, id: 'start', title: `Start: ${title}`, kind: 'command', timeoutMs: 10 * minute },
      {
        ...read,
        id: 'ready',
        title: `Wait until it is ready: ${title}`,
        kind: 'check',
        clock: 'verify',
        timeoutMs: 10 * minute,
      },
    ],
  };
}

/** Finds out what is lost, and what can be recovered. */
export const assessPart: StepSpec = {
  id: 'assess',
  title: 'Find out what is lost, and what can be had',
  kind: 'runbook',
  effect: 'read',
  clock: 'decide',
  steps: [
    {
      ...read,
      id: 'look',
      title: 'Look at both sites, the backups and the entrance',
      kind: 'parallel',
      steps: [
        { ...read, id: 'from', title: 'What stands at the old site', kind: 'command' },
        { ...read, id: 'to', title: 'What stands at the new site', kind: 'command' },
        {
          ...read,
          id: 'backups',
          title: 'Which backups are good, and where they lead',
          kind: 'command',
          timeoutMs: 60 * minute,
        },
        { ...read, id: 'entrance', title: 'Where the users go now', kind: 'traffic' },
      ],
    },
    {
      ...read,
      id: 'forecast',
      title: 'Choose backup and point, predict time and loss',
      kind: 'decide',
    },
  ],
};

/** The old site takes no writes any more, for good. */
export const fencePart: StepSpec = {
  id: 'fence',
  title: 'Keep the old site from taking writes, for good',
  kind: 'runbook',
  effect: 'destroy',
  steps: [
    // Before the site gets the right to write: a site that has it is never removed.
    {
      ...change,
      effect: 'destroy',
      id: 'clear',
      title: 'Remove what stands at the new site',
      kind: 'command',
    },
    {
      ...change,
      id: 'drain',
      title: 'Let writes end at the old site, and bring the last of its data over',
      kind: 'command',
      timeoutMs: 30 * minute,
    },
    {
      ...change,
      effect: 'destroy',
      id: 'epoch',
      title: 'Give the new site the right to write, and wait until that of the old one has run out',
      kind: 'command',
      pointOfNoReturn: true,
      timeoutMs: 10 * minute,
    },
    {
      ...change,
      id: 'stop',
      title: 'Stop what can be reached at the old site',
      kind: 'command',
      timeoutMs: 5 * minute,
    },
  ],
};

/** An empty place at the new site. */
export const provisionPart: StepSpec = {
  id: 'provision',
  title: 'Provision the new site',
  kind: 'runbook',
  effect: 'change',
  steps: [
    {
      ...change,
      id: 'place',
      title: 'Make an empty place with enough room',
      kind: 'command',
      undo: 'Remove the place, with everything in it',
      timeoutMs: 30 * minute,
    },
  ],
};

/** The database, restored and compared with what was promised. */
export const databasePart: StepSpec = {
  id: 'database',
  title: 'Restore the database',
  kind: 'runbook',
  effect: 'change',
  steps: [
    {
      ...change,
      id: 'restore',
      title: 'Restore the backup, and replay to the point',
      kind: 'command',
      timeoutMs: 6 * 60 * minute,
    },
    {
      ...read,
      id: 'inspect',
      title: 'Count and sum what every tenant has',
      kind: 'command',
      clock: 'verify',
    },
    {
      ...read,
      id: 'point',
      title: 'Is it the point that was promised?',
      kind: 'decide',
      clock: 'verify',
    },
  ],
};

/** The tiers, each after those it needs. */
export const tiersPart: StepSpec = {
  id: 'tiers',
  title: 'Bring the tiers up, each after those it needs',
  kind: 'runbook',
  effect: 'change',
  steps: [
    {
      ...change,
      id: 'promote',
      title: 'Let the database take writes',
      kind: 'command',
      timeoutMs: 10 * minute,
    },
    tier('api', 'API'),
    tier('worker', 'worker'),
    tier('frontend', 'frontend'),
  ],
};

/** The recovered system is proved. */
export const verifyPart: StepSpec = {
  id: 'verify',
  title: 'Prove the recovered system',
  kind: 'runbook',
  effect: 'read',
  clock: 'verify',
  steps: [
    // Compares the restored files with the rows of the database; a file that is missing now is
    // lost.
    {
      ...change,
      id: 'files',
      title: 'Every file that the database knows is there',
      kind: 'command',
      timeoutMs: 60 * minute,
    },
    {
      ...read,
      id: 'proofs',
      title: 'Health, queries, tenants, log-in, speed, files',
      kind: 'parallel',
      steps: [
        { ...read, id: 'health', title: 'Every tier is healthy', kind: 'command' },
        { ...read, id: 'queries', title: 'The critical queries answer', kind: 'command' },
        {
          ...read,
          id: 'tenants',
          title: 'Every tenant has its data',
          kind: 'command',
          timeoutMs: 30 * minute,
        },
        {
          ...read,
          id: 'login',
          title: 'Every tenant can log in, and nobody else',
          kind: 'command',
        },
        {
          ...read,
          id: 'speed',
          title: 'It is as fast as it was',
          kind: 'command',
          onFailure: 'ask',
        },
      ],
    },
  ],
};

/** Users go to the new site. */
export const switchPart: StepSpec = {
  id: 'switch',
  title: 'Send the users to the new site',
  kind: 'runbook',
  effect: 'change',
  steps: [
    {
      ...change,
      id: 'traffic',
      title: 'Send the users to the new site',
      kind: 'traffic',
      undo: 'Show users the maintenance page again',
    },
    {
      ...read,
      id: 'arrived',
      title: 'Users are served through the entrance',
      kind: 'check',
      clock: 'verify',
    },
  ],
};
