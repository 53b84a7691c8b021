import type { RunbookSpec } from '../../language/runbook.js';
import { closingInput } from '../shared/spec.js';
import {
  assessPart,
  change,
  databasePart,
  fencePart,
  minute,
  provisionPart,
  read,
  switchPart,
  tiersPart,
  verifyPart,
} from './site-steps.js';

export const fullSystemDisasterRecoverySpec: RunbookSpec = {
  id: 'full-system-disaster-recovery',
  version: '1.0.0',
  title: 'Bring the whole system up at another site',
  summary:
    'Finds out what is lost and what can be had, keeps the old site from ' +
    'ever taking writes again, restores configuration, database and files ' +
    'from backups that were proved good, brings the tiers up, proves them, ' +
    'and lets the users in. Measures how long it took and what was lost.',
  type: 'DISASTER_RECOVERY',
  priority: 'CRITICAL',
  tags: ['disaster', 'recovery', 'site', 'region', 'backup', 'failover', 'failback', 'drill'],
  owners: ['sre'],
  expectedMinutes: 60,
  objectives: {
    rtoMinutes: 240,
    rpoMinutes: 15,
    services: {
      api: { rtoMinutes: 15, rpoMinutes: 5 },
      database: { rtoMinutes: 60, rpoMinutes: 15 },
      kafka: { rtoMinutes: 30, rpoMinutes: 10 },
    },
  },
  drillEveryDays: 92,
  inputs: {
    from: {
      type: 'target',
      kind: 'site',
      programs: ['program'],
      observed: true,
      description: 'The site that is lost, or that is to be left',
    },
    to: {
      type: 'target',
      kind: 'site',
      programs: ['program'],
      description: 'The site where the system is to come up; for a drill an isolated one',
    },
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
      description:
        'ungraceful: the old site is gone; graceful: it is drained first, and nothing is lost',
    },
    recover_to: {
      type: 'instant',
      default: 'latest',
      or: ['latest'],
      description: 'The point in time to recover to, in UTC, or latest',
    },
    failed_at: {
      type: 'instant',
      optional: true,
      description:
        'When the old site failed, in UTC; when the witness last heard from it, unless said',
    },
    max_backup_age: {
      type: 'duration',
      default: '26h',
      description: 'A base backup older than that is not used',
    },
    remains: {
      type: 'choice',
      options: ['refuse', 'remove'],
      default: 'refuse',
      description: 'What stands at the new site already: refuse to begin, or remove it',
    },
    watch: {
      type: 'duration',
      default: '30m',
      description: 'How long the recovered system is watched with its users',
    },
    window: {
      type: 'duration',
      default: '2m',
      description: 'How long each measurement of that watch lasts',
    },
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
    notify: closingInput,
  },
  prerequisites: [
    'Backups and WAL can be reached from the new site.',
    'Whoever approves knows what the business accepts to lose, and is reached by a second channel.',
    'Nobody else works on either site.',
  ],
  steps: [
    assessPart,
    {
      id: 'declare',
      title: 'Declare the disaster, and give up the old site?',
      kind: 'approval',
      effect: 'read',
      approvers: 'another',
    },
    fencePart,
    { ...change, id: 'page', title: 'Show users the maintenance page', kind: 'traffic' },
    provisionPart,
    {
      ...change,
      id: 'configuration',
      title: 'Restore configuration and secrets',
      kind: 'command',
      timeoutMs: 10 * minute,
    },
    databasePart,
    {
      ...change,
      id: 'files',
      title: 'Restore the files, each proved by its digest',
      kind: 'command',
      timeoutMs: 6 * 60 * minute,
    },
    tiersPart,
    verifyPart,
    {
      id: 'cut-over',
      title: 'Let the users in at the new site?',
      kind: 'approval',
      effect: 'read',
      approvers: 'another',
    },
    switchPart,
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
    'Every tier is healthy, critical queries and the data of every tenant are right, every ' +
    'tenant can log in, every file has its digest, users are served through the entrance, ' +
    'and time and loss are measured against the objectives.',
  rollback:
    'Until the users are let in, everything that was made at the new site can be removed, ' +
    'and the page stays. The old site is given up when it is fenced; the way back to it is ' +
    'this runbook the other way round, gracefully.',
};
