import type { RunbookSpec } from '../../language/runbook.js';
import { inputSpecs } from './spec-parts/inputs.js';
import { shiftStep } from './spec-parts/shift.js';
import {
  quick,
  read,
  change,
  proxyUp,
  weight,
  measure,
  rollSteps,
  undisturbed,
  accept,
} from './spec-parts/defaults.js';

export const zeroDowntimeDeploymentSpec: RunbookSpec = {
  id: 'zero-downtime-deployment',
  version: '1.0.0',
  title: 'Deploy a release without downtime',
  summary:
    'Starts the new version beside the old one and shifts traffic to it in steps, or ' +
    'replaces one server after the other; compares errors and latency with the running ' +
    'version at each, and rolls back by itself when the release is bad.',
  type: 'DEPLOYMENT',
  priority: 'HIGH',
  tags: ['deployment', 'release', 'canary', 'blue-green', 'rolling', 'traffic'],
  owners: ['release'],
  expectedMinutes: 60,
  inputs: inputSpecs,
  prerequisites: [
    'The release is tagged, and its tests are green.',
    'No change freeze is on, and whoever is on call knows of the deployment.',
    'Expand migrations of the release leave the running version working.',
  ],
  steps: [
    {
      id: 'release',
      title: 'Check the release, and what runs now',
      kind: 'parallel',
      effect: 'read',
      steps: [
        {
          ...read,
          id: 'artefact',
          title: 'Check the artefact: files, digest, change log, migrations',
          kind: 'command',
        },
        {
          ...read,
          id: 'traffic',
          title: 'Ask the proxy what runs where',
          kind: 'traffic',
          retry: proxyUp,
        },
        { ...read, id: 'running', title: 'Ask which versions run', kind: 'command' },
        {
          ...read,
          id: 'deployment',
          title: 'Ask Kubernetes what runs, and which revision it is',
          kind: 'rollout',
        },
        {
          ...undisturbed,
          id: 'room',
          title: 'Is no pod allowed to be missing during the rollout?',
          kind: 'rollout',
        },
      ],
    },
    {
      id: 'backup',
      title: 'Back the database up, and rehearse the migrations on a copy',
      kind: 'runbook',
      effect: 'change',
      steps: [
        {
          ...change,
          id: 'dump',
          title: 'Back up, and verify the backup',
          kind: 'command',
          timeoutMs: 3_600_000,
          onFailure: 'ask',
        },
        {
          ...read,
          id: 'rehearse',
          title:
            'On a copy: do both versions work after the ' +
            'expand migrations, and does the way back work?',
          kind: 'command',
          timeoutMs: 3_600_000,
        },
      ],
    },
    {
      id: 'approve',
      title: 'Approve the deployment',
      kind: 'approval',
      effect: 'read',
      approvers: 'another',
    },
    {
      ...change,
      id: 'hold',
      title: 'Hold the traffic where it is',
      kind: 'traffic',
      retry: proxyUp,
      undo: 'Make sure that the old version has all of the traffic',
    },
    {
      id: 'migrate',
      title: 'Expand the schema, so that both versions work on it',
      kind: 'runbook',
      effect: 'change',
      steps: [
        {
          ...change,
          id: 'expand',
          title: 'Run the expand migrations',
          kind: 'command',
          timeoutMs: 900_000,
          undo: 'Run the undo migrations',
        },
        {
          ...read,
          id: 'compatible',
          title: 'Prove that the running version still works',
          kind: 'command',
          onFailure: 'rollback',
        },
      ],
    },
    {
      ...change,
      id: 'start',
      title: 'Start the new version beside the old one',
      kind: 'command',
      timeoutMs: 120_000,
      retry: { attempts: 2, initialMs: 1_000 },
      undo: 'Stop the new version',
    },
    {
      id: 'verify',
      title: 'Verify the new version before anybody uses it',
      kind: 'parallel',
      effect: 'read',
      steps: [
        {
          ...read,
          id: 'ready',
          title: 'Wait until it is healthy and ready',
          kind: 'check',
          onFailure: 'rollback',
        },
        {
          ...read,
          id: 'version',
          title: 'Ask for its version',
          kind: 'command',
          onFailure: 'rollback',
        },
      ],
    },
    shiftStep,
    {
      id: 'roll',
      title: 'Replace one server after the other',
      kind: 'runbook',
      effect: 'change',
      steps: rollSteps,
    },
    {
      id: 'watch',
      title: 'Watch the new version with all of the traffic',
      kind: 'runbook',
      effect: 'change',
      steps: [
        { ...weight, title: 'Make sure that the new version has all of the traffic' },
        measure,
        {
          ...undisturbed,
          id: 'pods',
          title: 'Are all pods there, do they stay, and has nobody else changed the Deployment?',
          kind: 'rollout',
        },
        { id: 'judge', title: 'Judge the new version', kind: 'decide', effect: 'read' },
        accept,
      ],
    },
    {
      id: 'retire',
      title: 'Retire the old version',
      kind: 'runbook',
      effect: 'change',
      steps: [
        {
          ...change,
          id: 'drain',
          title: 'Let the requests of the old version end',
          kind: 'traffic',
          retry: proxyUp,
          timeoutMs: 300_000,
          undo: 'Give the traffic back to the old version',
        },
        {
          ...change,
          id: 'stop',
          title: 'Stop the old version',
          kind: 'command',
          timeoutMs: 120_000,
          undo: 'Start the old version',
        },
        {
          ...change,
          id: 'empty',
          title: 'Take the old version out of the pool',
          kind: 'traffic',
          retry: proxyUp,
          undo: 'Put it back, without traffic',
        },
        {
          ...undisturbed,
          id: 'old',
          title: 'Wait until the rollout has ended the last old pod',
          kind: 'check',
          timeoutMs: 300_000,
        },
        {
          id: 'contract',
          title: 'Remove what only the old version needed',
          kind: 'runbook',
          effect: 'destroy',
          steps: [
            {
              id: 'approve',
              title: 'Approve the contract migrations: after them there is no way back',
              kind: 'approval',
              effect: 'read',
              approvers: 'another',
            },
            {
              id: 'apply',
              title: 'Run the contract migrations',
              kind: 'command',
              effect: 'destroy',
              timeoutMs: 900_000,
              retry: quick,
              pointOfNoReturn: true,
            },
          ],
        },
        {
          ...change,
          id: 'hold',
          title: 'Make sure that the new version has all of the traffic',
          kind: 'traffic',
          retry: proxyUp,
          onFailure: 'ask',
        },
      ],
    },
    {
      id: 'notify',
      title: 'Tell the team',
      kind: 'notify',
      effect: 'change',
      retry: { attempts: 5, initialMs: 500 },
      timeoutMs: 15_000,
      onFailure: 'abort',
    },
  ],
  verification:
    'The proxy sends all traffic to the new version, which does no ' +
    'worse than the old one did for the whole watch. On Kubernetes: ' +
    'every pod is new and available, and was for the whole watch.',
  rollback: 'At any time: the traffic first, then the version, then the schema.',
};
