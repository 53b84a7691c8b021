import { describe, expect, test } from '@jest/globals';
import { Exit } from '../../../activities/exit.js';
import { evaluateAnswer } from '../../../activities/judge-answer.js';
import { marked } from '../../../activities/marked.js';
import { Redactor } from '../../../activities/redact.js';
import { withoutCut } from '../../../language/cut.js';
import type { Json } from '../../../language/json.js';

/* What was changed for people is no value: no expression and no code acts on it. */

const secret = 'hunter2-hunter2';
const exit = (): Exit => {
  const redactor = new Redactor();
  redactor.add('login', secret);
  return new Exit(redactor);
};
const valueOf = (cel: string, out: Json) => evaluateAnswer({ cel }, out);
const taken = { why: expect.stringContaining('held a secret, which was taken out') as unknown };

const answer = {
  status: 200,
  json: { id: 7, url: `https://u:${secret}@h/x`, tags: ['a', secret], own: { name: 'x' } },
  rows: [
    { id: 1, login: secret },
    { id: 2, login: 'none' },
  ],
};

/** Expressions that read what held a secret, in every way that one can. */
const readers = [
  ...['out.json.url', 'out.json.url == "x"', 'out.json.url.contains("h/x")', 'out.json.tags[0]'],
  ...['out.json.tags.size() > 1', 'out.json', 'out', 'out.json.?url.orValue("none")'],
  ...['out.rows', 'out.rows[0]', 'out.rows[0].login', 'out.rows.map(r, r.login)'],
  ...['out.rows.filter(r, r.login != "none")', 'out.rows.distinct().size()', 'out.rows[0].size()'],
  ...['out.rows == out.rows', 'out.rows[0] in out.rows', 'out.json.exists(k, k == "cut")'],
  ...['out.rows[0] == out.rows[0]', '"text: " + out.json.url', 'string(out.json.url)'],
];

test('no expression reads what held a secret; without its mark each of them goes on with what is left', () => {
  const shown = exit().answer(answer);
  expect(JSON.stringify(shown)).not.toContain(secret);
  const read = readers.filter((cel) => 'value' in valueOf(cel, shown));
  const unmarked: Json = JSON.parse(JSON.stringify(answer).replaceAll(secret, '[secret login]'));
  const off = readers.filter((cel) => 'value' in valueOf(cel, unmarked));
  process.stderr.write(`read ${read.length} of ${readers.length}; guard off: ${off.length}\n`);
  expect(read).toEqual([]);
  expect(off).toEqual(readers);
  for (const cel of readers) expect(valueOf(cel, shown)).toEqual(taken);
});

test('what is beside it is read, and people see the name of the secret', () => {
  const shown = exit().answer(answer);
  expect(valueOf('[out.status, out.json.id, out.rows[0].id, out.rows[1].login]', shown)).toEqual({
    value: [200, 7, 1, 'none'],
  });
  expect(valueOf('out.rows.size()', shown)).toEqual({ value: 2 });
  expect(valueOf('out.json.own', shown)).toEqual({ value: { name: 'x' } });
  expect(valueOf('has(out.json.url)', shown)).toEqual({ value: true });
  expect(JSON.stringify(shown)).toContain('https://u:[secret login]@h/x');
});

test.each<[string, Json, string]>([
  ['a text by itself', secret, 'out.value'],
  ['a list by itself', [secret], 'out.value'],
  ['the name of a field', { [secret]: 1 }, 'out.value'],
  ['the name of a field within', { names: { [secret]: 1 } }, 'out.names'],
  ['a number', { pin: [12_345_678] }, 'out.pin'],
  ['beside a field of the same name', { it: { cut: 5, login: secret } }, 'out.it'],
  ['beside `truncated` of somebody else', { it: { truncated: false, a: secret } }, 'out.it.a'],
  ['in a list of lists', { all: [[[secret]]] }, 'out.all'],
])('%s is for people', (_what, value, cel) => {
  const redactor = new Redactor();
  redactor.add('login', secret);
  redactor.add('pin', '12345678');
  const shown = new Exit(redactor).answer(value);
  expect(JSON.stringify(shown)).not.toContain(secret);
  expect(valueOf(cel, shown)).toEqual(taken);
});

test('an output that names other fields keeps their names, also where it is capped', () => {
  const before = { stdout: 'a', truncated: true, cut: ['stdout'], login: secret };
  const shown = exit().answer(before);
  expect(shown).toMatchObject({ cut: ['stdout', 'login'], blanked: ['login'] });
  const capped = exit().output({ ...before, stderr: 'x'.repeat(100_000) });
  for (const name of ['stdout', 'stderr', 'login'])
    expect(valueOf(`out.${name}`, capped)).not.toHaveProperty('value');
});

test('what an honest program prints is not taken for a secret', () => {
  const printed = { stdout: '[secret login]', truncated: false };
  expect(exit().answer(printed)).toEqual(printed);
  expect(valueOf('out.stdout', exit().answer(printed))).toEqual({ value: '[secret login]' });
});

test('the same value is itself', () => {
  const same = { a: [1, null, 'x'], truncated: false };
  expect(marked(same, same)).toBe(same);
  expect(marked(same, structuredClone(same))).toEqual(same);
});

describe('the code of a procedure', () => {
  const refuse = (field: string): never => {
    throw new Error(`${field} is not whole`);
  };

  test('reads no field that held a secret, however deep, and copies none', () => {
    const readable = withoutCut(exit().answer(answer), refuse) as typeof answer;
    expect(() => readable.json.url).toThrow('url is not whole');
    expect(() => readable.rows[0]?.login).toThrow('login is not whole');
    expect(readable.rows[1]?.login).toBe('none');
    expect(JSON.stringify({ ...readable.json })).not.toContain('[secret');
  });

  test('reads nothing but numbers where it is not told what is whole', () => {
    const cut = { truncated: true, cut: null, fullSha256: 'a', text: 'x', list: [1], count: 2 };
    const readable = withoutCut(cut, refuse) as typeof cut;
    expect(() => readable.text).toThrow('text is not whole');
    expect(() => readable.list).toThrow('list is not whole');
    expect(readable.count).toBe(2);
  });

  test('reads no field that is not there any more', () => {
    const readable = withoutCut({ text: 'x', truncated: true, cut: ['json'] }, refuse);
    expect(() => (readable as { json: Json }).json).toThrow('json is not whole');
  });
});
