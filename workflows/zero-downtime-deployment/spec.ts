import type { RunbookSpec, StepSpec } from '../../language/runbook.js';

const quick = { attempts: 3, initialMs: 500, factor: 2, maxMs: 5_000 };
const read = { effect: 'read', onFailure: 'abort', retry: quick, timeoutMs: 30_000 } as const;
/**
 * A failure rolls back all changes without asking, so that a deployment is safe to leave alone.
 */
const change = { effect: 'change', onFailure: 'rollback', retry: quick } as const;

/** Retries long enough for a proxy that restarts. */
const proxyUp = { attempts: 8, initialMs: 500, factor: 2, maxMs: 5_000 };

const weight: StepSpec = {
  ...change,
  id: 'weight',
  title: 'Set the share of the new version',
  kind: 'traffic',
  retry: proxyUp,
  undo: 'Give all traffic back to the old version',
};

const measure: StepSpec = {
  id: 'measure',
  title: 'Measure errors, p95 and memory against the running version',
  kind: 'analysis',
  effect: 'read',
  onFailure: 'ask',
  retry: proxyUp,
  // The action decides how long it measures.
  timeoutMs: 3_600_000,
};

/**
 * One server after the other in its place: what `roll`
 * (workflows/zero-downtime-deployment/rolling.ts) does, in any runbook.
 */
const rollSteps: StepSpec[] = [
  { ...measure, id: 'baseline', title: 'Measure the running version' },
  {
    ...read,
    id: 'others',
    title: 'See at the proxy that the others carry the users',
    kind: 'traffic',
    onFailure: 'ask',
  },
  {
    ...change,
    id: 'leave',
    title: 'Give it no new requests',
    kind: 'traffic',
    undo: 'Give it its share back',
  },
  {
    ...change,
    id: 'drain',
    title: 'Let its requests end',
    kind: 'traffic',
    timeoutMs: 300_000,
    undo: 'Wait until the old version is ready',
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
    id: 'start',
    title: 'Start the new version in its place',
    kind: 'command',
    timeoutMs: 120_000,
    retry: { attempts: 2, initialMs: 1_000 },
    undo: 'Stop the new version',
  },
  {
    ...read,
    id: 'ready',
    title: 'Wait until it is healthy and ready',
    kind: 'check',
    onFailure: 'rollback',
  },
  { ...read, id: 'version', title: 'Ask for its version', kind: 'command', onFailure: 'rollback' },
  {
    ...read,
    id: 'smoke',
    title: 'Use its main end points, and check what they answer',
    kind: 'command',
    onFailure: 'rollback',
    timeoutMs: 60_000,
  },
  {
    ...change,
    id: 'return',
    title: 'Give it its share',
    kind: 'traffic',
    timeoutMs: 120_000,
    undo: 'Let its requests end, and give it no new ones',
  },
  measure,
  { id: 'judge', title: 'Judge the new version', kind: 'decide', effect: 'read' },
];
/** A change by somebody else is never overwritten: people decide about it. */
const undisturbed = { effect: 'read', onFailure: 'ask', retry: quick, timeoutMs: 60_000 } as const;
const accept: StepSpec = {
  ...read,
  id: 'accept',
  title: 'Take the Deployment as somebody else has left it',
  kind: 'rollout',
};

export const zeroDowntimeDeploymentSpec: RunbookSpec = {
  id: 'zero-downtime-deployment',
  version: '1.0.0',
  title: 'Deploy a release without downtime',
  summary:
    'Starts the new version beside the old one and shifts traffic to it in steps, or replaces one server after the other; compares errors and latency with the running version at each, and rolls back by itself when the release is bad.',
  type: 'DEPLOYMENT',
  priority: 'HIGH',
  tags: ['deployment', 'release', 'canary', 'blue-green', 'rolling', 'traffic'],
  owners: ['release'],
  expectedMinutes: 60,
  inputs: {
    service: {
      type: 'target',
      kind: 'web-service',
      programs: ['deployer', 'kubectl'],
      description:
        'The service: its proxy or its Kubernetes Deployment, its deployer, its database',
    },
    version: {
      type: 'text',
      pattern: '^[A-Za-z0-9][A-Za-z0-9._+-]{0,99}$',
      description: 'The release to deploy',
    },
    artefact: {
      type: 'text',
      optional: true,
      pattern: '^sha256:[0-9a-f]{64}$',
      description: 'Digest that the artefact must have, where it was announced',
    },
    strategy: {
      type: 'choice',
      options: ['canary', 'blue-green', 'rolling'],
      default: 'canary',
      description:
        'canary: the shares in `steps`; blue-green: all at once; rolling: one server or pod after the other, in its place',
    },
    batch: {
      type: 'integer',
      default: 1,
      minimum: 1,
      description:
        'With `rolling` behind a proxy: servers that are replaced at a time; the others carry the users',
    },
    steps: {
      type: 'text',
      default: '10,50,100',
      pattern: '^\\d{1,3}(,\\d{1,3})*$',
      description:
        'Shares of the traffic that the new version gets, one after the other, in percent; the last is 100',
    },
    window: { type: 'duration', default: '2m', description: 'How long each share is measured' },
    watch: {
      type: 'duration',
      default: '30m',
      description: 'How long the new version is watched with all of the traffic',
    },
    min_requests: {
      type: 'integer',
      default: 100,
      minimum: 1,
      description: 'Requests to the new version that a measurement needs to say anything',
    },
    max_error_rate: {
      type: 'number',
      default: 0.01,
      minimum: 0,
      maximum: 1,
      description:
        'How much larger the share of failed requests may be than that of the running version',
    },
    max_latency: {
      type: 'number',
      default: 1.5,
      minimum: 1,
      description: 'How many times the p95 of the running version the new one may take',
    },
    max_growth: {
      type: 'number',
      default: 0.25,
      minimum: 0,
      description: 'How much its memory may grow while it is watched, when it only grows',
    },
    ready_within: {
      type: 'duration',
      default: '2m',
      description: 'How long the new version may take to be ready',
    },
    contract: {
      type: 'choice',
      options: ['ask', 'later'],
      default: 'ask',
      description:
        'Removing what only the old version needed: ask at the end, or leave it for another time',
    },
    on_busy: {
      type: 'choice',
      options: ['wait', 'refuse'],
      default: 'wait',
      description: 'When somebody else deploys to the service: wait for them, or refuse to start',
    },
    notify: {
      type: 'target',
      kind: 'webhook',
      optional: true,
      description: 'Where the closing message goes; it is in the report as well',
    },
  },
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
            'On a copy: do both versions work after the expand migrations, and does the way back work?',
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
    {
      id: 'shift',
      title: 'Shift the traffic',
      kind: 'runbook',
      effect: 'change',
      steps: [
        {
          ...read,
          id: 'smoke',
          title: 'Use the main end points, and check what they answer',
          kind: 'command',
          onFailure: 'rollback',
          timeoutMs: 60_000,
        },
        {
          ...change,
          id: 'hold',
          title: 'Make sure that the old version has all of the traffic',
          kind: 'traffic',
          retry: proxyUp,
          undo: 'Take the new version out of the pool',
        },
        { ...measure, id: 'baseline', title: 'Measure the running version' },
        {
          ...change,
          id: 'rehearse',
          title: 'Rehearse the way in and the way back, without a request',
          kind: 'traffic',
          retry: proxyUp,
          undo: 'Take the new version out of the pool',
        },
        weight,
        measure,
        { id: 'judge', title: 'Judge the new version', kind: 'decide', effect: 'read' },
        {
          ...undisturbed,
          id: 'steady',
          title: 'Is the Deployment as it was when it was approved?',
          kind: 'rollout',
          // Its undo waits for pods, with a limit of its own.
          timeoutMs: 3_600_000,
          undo: 'Wait until all pods of the old version are there',
        },
        {
          ...read,
          id: 'canary',
          title: 'Ask Kubernetes for the second Deployment',
          kind: 'rollout',
        },
        {
          ...change,
          id: 'canary-image',
          title: 'Give the canary its new image (kubectl set image)',
          kind: 'rollout',
          onFailure: 'ask',
          timeoutMs: 60_000,
          undo: 'Give the canary its image back (kubectl rollout undo)',
        },
        {
          ...change,
          id: 'canary-scale',
          title: 'Set the number of pods of the canary (kubectl scale)',
          kind: 'rollout',
          onFailure: 'ask',
          timeoutMs: 60_000,
          undo: 'Set the number of pods of the canary back (kubectl scale)',
        },
        {
          ...read,
          id: 'canary-follow',
          title: 'Wait until every pod of the canary is ready (kubectl rollout status)',
          kind: 'rollout',
          onFailure: 'rollback',
        },
        {
          ...undisturbed,
          id: 'canary-pods',
          title: 'Are all pods of the canary there, do they stay, and has nobody else changed it?',
          kind: 'rollout',
        },
        {
          ...change,
          id: 'image',
          title: 'Give the Deployment its new image (kubectl set image)',
          kind: 'rollout',
          onFailure: 'ask',
          timeoutMs: 60_000,
          undo: 'Go back to the revision before (kubectl rollout undo)',
        },
        {
          ...change,
          id: 'cause',
          title: 'Note in its rollout history who did it',
          kind: 'command',
          timeoutMs: 30_000,
        },
        {
          ...read,
          id: 'follow',
          title: 'Follow the rollout until every pod is new and ready (kubectl rollout status)',
          kind: 'rollout',
          onFailure: 'rollback',
        },
        {
          ...undisturbed,
          id: 'unchanged',
          title: 'Has nobody else changed the Deployment meanwhile?',
          kind: 'rollout',
        },
        accept,
        {
          ...change,
          id: 'canary-away',
          title: 'Scale the canary away: the Deployment itself has the new version (kubectl scale)',
          kind: 'rollout',
          timeoutMs: 60_000,
          undo: 'Bring the pods of the canary back (kubectl scale)',
        },
      ],
    },
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
    'The proxy sends all traffic to the new version, which does no worse than the old one did for the whole watch. On Kubernetes: every pod is new and available, and was for the whole watch.',
  rollback: 'At any time: the traffic first, then the version, then the schema.',
};
