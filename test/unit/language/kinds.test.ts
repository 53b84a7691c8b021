import { expect, test } from '@jest/globals';
import {
  actionKinds,
  describeAction,
  listAction,
  type Action,
} from '../../../language/kinds/index.js';

/** One action of each kind, as a plan may have it: with references that are known only later. */
const described: Record<Action['kind'], [object, string]> = {
  command: [
    { argv: ['pg_dump', '-f', "it's", { $: 'inputs.file' }], cwd: '/var/backups', target: 'db' },
    `run pg_dump -f 'it'\\''s' {inputs.file} in /var/backups at db`,
  ],
  sql: [
    {
      statements: [{ text: 'DELETE\n  FROM jobs WHERE id = $1', values: [{ $: 'steps.find.id' }] }],
      target: { $: 'inputs.db' },
    },
    'DELETE FROM jobs WHERE id = $1 ($1 = {steps.find.id}) at {inputs.db}',
  ],
  http: [
    {
      method: 'POST',
      path: '/jobs/{job}/restart',
      params: { job: { $: 'steps.find.job' } },
      query: { dry: 1 },
      json: { from: 'clean' },
      target: 'api',
    },
    'POST /jobs/{steps.find.job}/restart?dry=1 with {"from":"clean"} at api',
  ],
  check: [
    {
      probe: { kind: 'http', method: 'GET', path: '/health', target: 'api' },
      until: { cel: 'out.status == 200' },
      failWhen: { cel: 'out.status == 500', given: {} },
      everyMs: 500,
    },
    'GET /health at api, every 0.5 s until out.status == 200; fails when out.status == 500',
  ],
  notify: [{ text: 'done', target: 'team' }, 'tell team: done'],
  traffic: [
    {
      operation: 'set',
      servers: [{ name: 'blue', address: '10.0.0.7:8080', weight: 10 }],
      target: 'shop',
    },
    'set blue 10.0.0.7:8080 weight 10 at shop',
  ],
  analysis: [
    { candidate: 'green', baseline: 'blue', windowMs: 120_000, target: 'shop' },
    'measure green for 2 min against blue at shop',
  ],
  rollout: [
    { operation: 'image', image: 'shop:2.0.0', deployment: 'shop-canary', target: 'shop' },
    'set the image shop:2.0.0 of deployment shop-canary at shop',
  ],
};

test('statements of one transaction are listed one by one, and a single one is a line', () => {
  const statements = [
    { text: 'INSERT INTO kept SELECT * FROM jobs WHERE id = $1', values: [7] },
    { text: 'DELETE\n  FROM jobs WHERE id = $1', values: [7] },
  ];
  const sql: Action = { kind: 'sql', target: 'orders', statements };
  expect(listAction(sql)).toEqual([
    '2 statements in one transaction at orders:',
    '1. INSERT INTO kept SELECT * FROM jobs WHERE id = $1 ($1 = 7)',
    '2. DELETE FROM jobs WHERE id = $1 ($1 = 7)',
  ]);
  const [first] = listAction({ ...sql, transaction: 'none', literals: { days: 3 } });
  expect(first).toBe('2 statements without a transaction with {days} = 3 at orders:');
  const single: Action = { ...sql, statements: statements.slice(1) };
  expect(listAction(single)).toEqual([describeAction(single)]);
});

test('a command whose program is not covered says so', () => {
  const command: Action = { kind: 'command', argv: ['/srv/new/migrate'], programMayChange: true };
  expect(describeAction(command)).toBe('run /srv/new/migrate, whatever the program holds by then');
});

test.each(actionKinds)('what a step of kind %s is going to do is said in one line', (kind) => {
  const [action, words] = described[kind];
  expect(describeAction({ kind, ...action } as Action)).toBe(words);
});

test('the lines of a script stay lines, and no text can feign where one ends', () => {
  const script = 'cd /srv\n# nothing ⏎ here\nrm -rf cache\n';
  expect(describeAction({ kind: 'command', argv: ['sh', '-c', script] })).toBe(
    "run sh -c 'cd /srv ⏎ # nothing \\u23ce here ⏎ rm -rf cache ⏎ '",
  );
  const text = '-- only what is old\nDELETE FROM jobs\n  WHERE old';
  expect(describeAction({ kind: 'sql', target: 'db', statements: [{ text }] })).toBe(
    '-- only what is old ⏎ DELETE FROM jobs ⏎ WHERE old at db',
  );
});
