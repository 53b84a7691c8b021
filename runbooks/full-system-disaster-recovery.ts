import type { RunbookSpec, StepSpec } from '../language/runbook.js';

const quick = { attempts: 3, initialMs: 500, factor: 2, maxMs: 5_000 };
const minute = 60_000;
const read = { effect: 'read', retry: quick, timeoutMs: 2 * minute } as const;
/** Nobody may be there who knows what to do with half a recovery: people are asked. */
const change = { effect: 'change', onFailure: 'ask', retry: quick } as const;

/** A part of the application: started, and seen to be ready. */
function tier(id: string, title: string): StepSpec {
  return {
    id,
    title,
    kind: 'runbook',
    effect: 'change',
    steps: [
      { ...change, id: 'start', title: `Start: ${title}`, kind: 'command', timeoutMs: 10 * minute },
      { ...read, id: 'ready', title: `Wait until it is ready: ${title}`, kind: 'check', clock: 'verify', timeoutMs: 10 * minute },
    ],
  };
}

export const fullSystemDisasterRecoverySpec: RunbookSpec = {
  id: 'full-system-disaster-recovery',
  version: '1.0.0',
  title: 'Bring the whole system up at another site',
  summary:
    'Finds out what is lost and what can be had, keeps the old site from ever taking writes again, restores configuration, database and files from backups that were proved good, brings the tiers up, proves them, and lets the users in. Measures how long it took and what was lost.',
  type: 'DISASTER_RECOVERY',
  priority: 'CRITICAL',
  tags: ['disaster', 'recovery', 'site', 'region', 'backup', 'failover', 'failback', 'drill'],
  owners: ['sre'],
  expectedMinutes: 60,
  objectives: {
    rtoMinutes: 240,
    rpoMinutes: 15,
    services: { api: { rtoMinutes: 15, rpoMinutes: 5 }, database: { rtoMinutes: 60, rpoMinutes: 15 } },
  },
  drillEveryDays: 92,
  inputs: {
    from: { type: 'target', kind: 'site', observed: true, description: 'The site that is lost, or that is to be left' },
    to: { type: 'target', kind: 'site', description: 'The site where the system is to come up; for a drill an isolated one' },
    entrance: {
      type: 'target',
      kind: 'web-service',
      observed: true,
      description: 'The proxy in front of all sites, with a maintenance page as one of its servers',
    },
    mode: {
      type: 'choice',
      options: ['ungraceful', 'graceful'],
      default: 'ungraceful',
      description: 'ungraceful: the old site is gone; graceful: it is drained first, and nothing is lost',
    },
    recover_to: {
      type: 'text',
      default: 'latest',
      pattern: '^(latest|\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}(:\\d{2}(\\.\\d{1,6})?)?Z)$',
      description: 'The point in time to recover to, in UTC, or latest',
    },
    failed_at: {
      type: 'text',
      optional: true,
      pattern: '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}(:\\d{2}(\\.\\d{1,6})?)?Z$',
      description: 'When the old site failed, in UTC; when the witness last heard from it, unless said',
    },
    max_backup_age: { type: 'duration', default: '26h', description: 'A base backup older than that is not used' },
    remains: {
      type: 'choice',
      options: ['refuse', 'remove'],
      default: 'refuse',
      description: 'What stands at the new site already: refuse to begin, or remove it',
    },
    watch: { type: 'duration', default: '30m', description: 'How long the recovered system is watched with its users' },
    window: { type: 'duration', default: '2m', description: 'How long each measurement of that watch lasts' },
    min_requests: {
      type: 'integer',
      default: 100,
      minimum: 1,
      description: 'Requests that a measurement needs to say anything',
    },
    max_error_rate: {
      type: 'number',
      default: 0.01,
      minimum: 0,
      maximum: 1,
      description: 'Share of failed requests that is too much',
    },
    notify: {
      type: 'target',
      kind: 'webhook',
      optional: true,
      description: 'Where the closing message goes; it is in the report as well',
    },
  },
  prerequisites: [
    'Backups and WAL can be reached from the new site.',
    'Whoever approves knows what the business accepts to lose, and is reached by a second channel.',
    'Nobody else works on either site.',
  ],
  steps: [
    {
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
        { ...read, id: 'forecast', title: 'Choose backup and point, predict time and loss', kind: 'decide' },
      ],
    },
    {
      id: 'declare',
      title: 'Declare the disaster, and give up the old site?',
      kind: 'approval',
      effect: 'read',
      approvers: 'another',
    },
    {
      id: 'fence',
      title: 'Keep the old site from taking writes, for good',
      kind: 'runbook',
      effect: 'destroy',
      steps: [
        // Before it gets the right to write: a site that has it is not removed.
        { ...change, effect: 'destroy', id: 'clear', title: 'Remove what stands at the new site', kind: 'command' },
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
        { ...change, id: 'stop', title: 'Stop what can be reached at the old site', kind: 'command', timeoutMs: 5 * minute },
      ],
    },
    { ...change, id: 'page', title: 'Show users the maintenance page', kind: 'traffic' },
    {
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
    },
    { ...change, id: 'configuration', title: 'Restore configuration and secrets', kind: 'command', timeoutMs: 10 * minute },
    {
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
        { ...read, id: 'inspect', title: 'Count and sum what every tenant has', kind: 'command', clock: 'verify' },
        { ...read, id: 'point', title: 'Is it the point that was promised?', kind: 'decide', clock: 'verify' },
      ],
    },
    {
      ...change,
      id: 'files',
      title: 'Restore the files, each proved by its digest',
      kind: 'command',
      timeoutMs: 6 * 60 * minute,
    },
    {
      id: 'tiers',
      title: 'Bring the tiers up, each after those it needs',
      kind: 'runbook',
      effect: 'change',
      steps: [
        { ...change, id: 'promote', title: 'Let the database take writes', kind: 'command', timeoutMs: 10 * minute },
        tier('api', 'API'),
        tier('worker', 'worker'),
        tier('frontend', 'frontend'),
      ],
    },
    {
      id: 'verify',
      title: 'Prove the recovered system',
      kind: 'runbook',
      effect: 'read',
      clock: 'verify',
      steps: [
        // Compares what was restored with the rows of the database; what is missing then is missing for good.
        { ...change, id: 'files', title: 'Every file that the database knows is there', kind: 'command', timeoutMs: 60 * minute },
        {
          ...read,
          id: 'proofs',
          title: 'Health, queries, tenants, log-in, speed, files',
          kind: 'parallel',
          steps: [
            { ...read, id: 'health', title: 'Every tier is healthy', kind: 'command' },
            { ...read, id: 'queries', title: 'The critical queries answer', kind: 'command' },
            { ...read, id: 'tenants', title: 'Every tenant has its data', kind: 'command', timeoutMs: 30 * minute },
            { ...read, id: 'login', title: 'Every tenant can log in, and nobody else', kind: 'command' },
            { ...read, id: 'speed', title: 'It is as fast as it was', kind: 'command', onFailure: 'ask' },
          ],
        },
      ],
    },
    { id: 'cut-over', title: 'Let the users in at the new site?', kind: 'approval', effect: 'read', approvers: 'another' },
    {
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
        { ...read, id: 'arrived', title: 'Users are served through the entrance', kind: 'check', clock: 'verify' },
      ],
    },
    {
      id: 'after',
      title: 'Watch it, and make it safe again',
      kind: 'runbook',
      effect: 'change',
      steps: [
        {
          ...change,
          id: 'monitor',
          title: 'Watch the tiers, and take the first backup at the new site',
          kind: 'command',
          timeoutMs: 60 * minute,
        },
        {
          ...read,
          id: 'measure',
          title: 'Measure what users get',
          kind: 'analysis',
          onFailure: 'ask',
          timeoutMs: 60 * minute,
        },
        { ...read, id: 'judge', title: 'Is it stable?', kind: 'decide' },
      ],
    },
    { ...change, id: 'notify', title: 'Tell the team', kind: 'notify', onFailure: 'continue' },
  ],
  verification:
    'Every tier is healthy, critical queries and the data of every tenant are right, every tenant can log in, every file has its digest, users are served through the entrance, and time and loss are measured against the objectives.',
  rollback:
    'Until the users are let in, everything that was made at the new site can be removed, and the page stays. The old site is given up when it is fenced; the way back to it is this runbook the other way round, gracefully.',
};
