import { describe, expect, test } from '@jest/globals';
import type { OutputForm } from '../../../language/kinds/command.js';
import { parseBoth, parseOutput, WholeText } from '../../../activities/parse-output.js';
import { stepOutputs } from '../../../activities/step-outputs.js';
import { readCondition } from '../../../language/read-expression.js';

test.each([
  ['json', '{"a": [1, 9007199254740993]}\n', { json: { a: [1, '9007199254740993'] } }],
  ['jsonl', '{"a": 1}\n\n{"a": 2}\n', { lines: [{ a: 1 }, { a: 2 }] }],
  ['lines', 'one\r\n\ntwo', { lines: ['one', 'two'] }],
  ['lines', '', { lines: [] }],
  [
    'table',
    'Filesystem Size Mounted on\n/dev/sda1  10G  /\n/dev/sdb   2T  /srv/my data\n',
    {
      table: [
        { Filesystem: '/dev/sda1', Size: '10G', Mounted: '/' },
        { Filesystem: '/dev/sdb', Size: '2T', Mounted: '/srv/my', on: 'data' },
      ],
    },
  ],
  [
    'table',
    'NAME   READY  STATUS   AGE\nweb-1  1/1    Running  3d\nweb-2         Pending  1d\n',
    {
      table: [
        { NAME: 'web-1', READY: '1/1', STATUS: 'Running', AGE: '3d' },
        { NAME: 'web-2', READY: '', STATUS: 'Pending', AGE: '1d' },
      ],
    },
  ],
  [
    'table',
    'Name  Size  Free  On\na       10        /\n',
    { table: [{ Name: 'a', Size: '10', Free: '', On: '/' }] },
  ],
  ['table', 'PID CMD\n7 sh -c true\n', { table: [{ PID: '7', CMD: 'sh -c true' }] }],
  ['pairs', 'a=1\nb : two = 2\na = 1\n', { pairs: { a: '1', b: 'two = 2' } }],
] as const)('%s: %j', (form, text, data) => {
  expect(parseOutput(form, 'tool', text)).toEqual(data);
});

test.each([
  ['json', 'Error: no', 'tool did not print JSON, but what begins with "Error: no"'],
  ['jsonl', '{}\nno', 'tool did not print JSON, but what begins with "no"'],
  ['pairs', 'just words', 'tool did not print pairs, but the line "just words"'],
  ['pairs', 'a=1\na=2', 'tool printed two values for a'],
  ['table', 'ID NAME ID\n1 x 2', 'tool printed a table with two columns called ID'],
  ['table', 'ID NAME      AGE\n1        3d', 'which they are cannot be told: "1        3d"'],
  ['lines', null, 'tool printed more than 8 MiB'],
] as const)('%s that it is not: %j', (form, text, why) => {
  expect(() => parseOutput(form, 'tool', text)).toThrow(why);
});

test.each(['table', 'pairs'] as const)('%s with the name __proto__ keep it as a name', (form) => {
  const text = form === 'table' ? '__proto__ b\n1 2' : '__proto__=1\nb=2';
  const { table, pairs } = parseOutput(form, 'tool', text);
  const [fields] = form === 'table' ? (table as object[]) : [pairs as object];
  expect(Object.entries(fields as object)).toEqual([
    ['__proto__', '1'],
    ['b', '2'],
  ]);
});

test('what comes in pieces is put together, and too much of it is none', () => {
  const whole = new WholeText();
  for (const byte of Buffer.from('"grün"')) whole.take(Buffer.from([byte]));
  expect(whole.text('tool')).toBe('"grün"');
  for (let at = 0; at < 9; at += 1) whole.take(Buffer.alloc(1024 ** 2));
  expect(whole.text('tool')).toBeNull();
});

test('bytes that are no UTF-8 are no text, and the mark before a text is not part of it', () => {
  const text = (...bytes: number[]): string | null => {
    const whole = new WholeText();
    whole.take(Buffer.from(bytes));
    return whole.text('tool');
  };
  expect(text(0xef, 0xbb, 0xbf, 0x61)).toBe('a');
  expect(() => text(0x63, 0xe9)).toThrow('tool printed bytes that are no UTF-8');
});

describe('outputs that a step declares', () => {
  const answer = { exitCode: 0, json: { items: [{ n: 1 }, { n: 5 }] } };
  const of = (source: string) => ({ found: readCondition(source) });

  test('are taken from the whole answer, and nothing else is kept', () => {
    const outputs = {
      most: readCondition('max(out.json.items.map(i, i.n))'),
      ...of('out.exitCode'),
    };
    expect(stepOutputs(outputs, answer)).toEqual({ most: 5, found: 0 });
  });

  test('without a value they fail, and say which', () => {
    expect(() => stepOutputs(of('out.json.other'), answer)).toThrow(
      'outputs without a value: found = out.json.other: there is no out.json.other',
    );
  });
});

describe('what was printed, as it was and without secrets', () => {
  const secret = 'correct horse battery';
  const secrets = { text: (text: string) => text.replaceAll(secret, '[secret login]') };
  const both = (form: OutputForm, text: string) => parseBoth(form, 'tool', text, secrets);

  test('is the same where there is no secret', () => {
    const { was, is } = both('json', '{"a":1}');
    expect(was).toBe(is);
  });

  test('differs where one is', () => {
    expect(both('json', `{"a":1,"b":"${secret}"}`)).toEqual({
      was: { json: { a: 1, b: secret } },
      is: { json: { a: 1, b: '[secret login]' } },
    });
  });

  test('holds no word of one that a table parts', () => {
    const { is } = both('table', `NAME TOKEN\none ${secret}`);
    expect(JSON.stringify(is)).not.toMatch(/correct|horse|battery/);
  });

  test('is for people altogether where it can be read without the secret alone', () => {
    const hiding = { text: (text: string) => text.replace('oops', '1') };
    expect(parseBoth('json', 'tool', '{"a":oops}', hiding)).toEqual({
      was: {},
      is: { json: { a: 1 } },
    });
  });

  test('is in no message about what cannot be read', () => {
    expect(() => both('json', `no JSON ${secret}`)).toThrow('begins with "no JSON [secret login]"');
  });
});
