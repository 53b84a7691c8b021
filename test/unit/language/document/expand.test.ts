import { expect, test } from '@jest/globals';
import { yamlText } from '../../../../language/document/write.js';
import { expand } from '../../../../language/document/expand/document.js';
import { read, type Written } from '../../../../language/document/read.js';
import { shapeProblems } from '../../../../language/document/shape.js';
import { shapeOf, sortOf } from '../../../../language/document/sort.js';
import type { Json } from '../../../../language/json.js';
import { examples, library } from './library.js';

const expandable = [...examples].filter(([file]) => /\.(runbook|action)\.yaml$/.test(file));

function written(text: string, file = 'x.runbook.yaml'): Written {
  const result = read(text, file);
  if (!result.data) throw new Error(JSON.stringify(result.problems));
  return result;
}

test.each(expandable)('the long form of %s is its own long form, and is valid', (file, text) => {
  const { data, problems } = expand(written(text, file), library());
  expect(problems).toEqual([]);
  const again = written(yamlText(data), file);
  expect(again.problems).toEqual([]);
  const shape = shapeProblems(again.data, again.places, shapeOf(sortOf(again.data, file)));
  expect(shape).toEqual([]);
  expect(expand(again, library()).data).toEqual(data);
});

test.each(expandable)('each value in the long form of %s has a place in a file', (file, text) => {
  const { data, places } = expand(written(text, file), library());
  const visit = (value: Json): void => {
    if (typeof value !== 'object' || value === null) return;
    for (const [key, inner] of Object.entries(value)) {
      const { start, source } = places.of(value, key);
      expect(start < source.text.length).toBe(true);
      visit(inner);
    }
  };
  visit(data);
});

test('a step in long form', () => {
  const text = `
runbook: x
version: 1.0.0
title: X
owner: sre
type: MAINTENANCE
priority: LOW
inputs:
  cluster: { type: target, kind: cluster, description: Where }
  deployment: { type: text, description: What }
  replicas: { type: integer, description: How many }
steps:
  - id: scale
    title: Scale it
    when: inputs.replicas > 0
    target: cluster
    command: kubectl scale deployment/\${inputs.deployment} --replicas=\${inputs.replicas}
    effect: change
    expect: out.exitCode == 0
    verify:
      use: k-deployment
      with: { deployment: "\${inputs.deployment}" }
      until: out.ready == inputs.replicas
      proves: true
    undo: { command: "kubectl scale deployment/\${inputs.deployment} --replicas=1" }
    retry: 3
    timeout: 5m
`;
  const { data } = expand(written(text), library());
  const [step] = data['steps'] as Record<string, Json>[];
  const deployment = { join: ['deployment/', { $: 'inputs.deployment' }] };
  expect(step).toMatchObject({
    id: 'scale',
    kind: 'command',
    when: { $: 'inputs.replicas > 0' },
    target: { $: 'inputs.cluster' },
    command: [
      ...['kubectl', 'scale', deployment],
      { join: ['--replicas=', { $: 'inputs.replicas' }] },
    ],
    effect: 'change',
    expect: [{ condition: { $: 'out.exitCode == 0' } }],
    verify: {
      ...{ kind: 'use', use: 'k-deployment', target: { $: 'inputs.cluster' } },
      action: { kind: 'command', effect: 'read', parse: 'json' },
      ...{ until: { $: 'out.ready == inputs.replicas' }, every: '5s', timeout: '1m', proves: true },
    },
    undo: {
      kind: 'command',
      target: { $: 'inputs.cluster' },
      command: ['kubectl', 'scale', deployment, '--replicas=1'],
    },
    retry: { attempts: 3, initialInterval: '1s', backoff: 2, maxInterval: '30s' },
    ...{ timeout: '5m', onFailure: 'ask' },
  });
});
