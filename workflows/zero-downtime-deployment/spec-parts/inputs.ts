import type { InputSpec } from '../../../language/runbook.js';

/** What the deployment asks for. */
export const inputSpecs = {
  service: {
    type: 'target',
    kind: 'web-service',
    programs: ['deployer', 'kubectl'],
    description: 'The service: its proxy or its Kubernetes Deployment, its deployer, its database',
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
      'canary: the shares in `steps`; blue-green: all at once; rolling: one server or pod ' +
      'after the other, in its place',
  },
  batch: {
    type: 'integer',
    default: 1,
    minimum: 1,
    description:
      'With `rolling` behind a proxy: servers that are ' +
      'replaced at a time; the others carry the users',
  },
  steps: {
    type: 'text',
    default: '10,50,100',
    pattern: '^\\d{1,3}(,\\d{1,3})*$',
    description:
      'Shares of the traffic that the new version gets, ' +
      'one after the other, in percent; the last is 100',
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
} as const satisfies Record<string, InputSpec>;
