import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Redactor } from '../../../activities/redact.js';

/*
 * One canary in everything that encoders make of it. With the guard off (a redactor that knows no
 * secret, and one whose text is cut first) the same search has to find it.
 */

const canary = 'cänary: p&ss"w/rd+ \\1?🔑~9zQ';
const bytes = Buffer.from(canary);
const strict = encodeURIComponent(canary).replace(
  /[!'()*~]/g,
  (sign) => `%${sign.charCodeAt(0).toString(16)}`,
);
const codes = [...Array(canary.length).keys()].map((at) => canary.charCodeAt(at));
const escaped = (upper: boolean): string =>
  codes
    .map((code) => code.toString(16).padStart(4, '0'))
    .map((hex) => `\\u${upper ? hex.toUpperCase() : hex}`)
    .join('');

/** With a break behind each seventh sign, as `fold` does. */
function folded(text: string, end: string): string {
  return [...text].map((sign, at) => (at % 7 === 6 ? sign + end : sign)).join('');
}

const forms: Record<string, string> = {
  plain: canary,
  'percent-encoded': encodeURIComponent(canary),
  'strictly percent-encoded': strict,
  'percent-encoded in lower case': strict.replace(/%../g, (each) => each.toLowerCase()),
  'every byte percent-encoded': [...bytes].map((each) => `%${each.toString(16)}`).join(''),
  'percent-encoded twice': encodeURIComponent(encodeURIComponent(canary)),
  form: new URLSearchParams({ a: canary }).toString().slice(2),
  JSON: JSON.stringify(canary).slice(1, -1),
  'JSON in JSON': JSON.stringify(JSON.stringify(canary)).slice(3, -3),
  'JSON with all of it as \\u': escaped(false),
  'JSON with all of it as \\U': escaped(true),
  'JSON with what is not ASCII as \\u': JSON.stringify(canary)
    .slice(1, -1)
    .replace(/[^ -~]/g, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`),
  HTML: canary.replaceAll('&', '&amp;').replaceAll('"', '&quot;'),
  'backslashes before what a shell reads': canary.replace(/[ "&\\?~]/g, '\\$&'),
  hex: bytes.toString('hex'),
  'hex in upper case': bytes.toString('hex').toUpperCase(),
  'a dump of its bytes': [...bytes]
    .map((each, at) => `${at % 16 === 0 ? '\n ' : ' '}${each.toString(16)}`)
    .join('')
    .trim(),
  folded: folded(canary, '\n'),
  'folded for terminals': folded(canary, '\r\n'),
  'folded by mail': folded(canary, '=\n'),
  'folded, in JSON': JSON.stringify(folded(canary, '\n')).slice(1, -1),
  CSV: canary.replaceAll('"', '""'),
  'bytes in octal': [...bytes]
    .map((each) => (each > 126 ? `\\${each.toString(8)}` : String.fromCharCode(each)))
    .join(''),
  'quoted-printable': [...bytes]
    .map((each) =>
      each > 126 || each === 61
        ? `=${each.toString(16).toUpperCase().padStart(2, '0')}`
        : String.fromCharCode(each),
    )
    .join(''),
  'code points': [...canary]
    .map((each) => {
      const point = each.codePointAt(0) ?? 0;
      if (point < 127) return each === '\\' ? '\\\\' : each;
      return point < 256 ? `\\x${point.toString(16)}` : `\\U${point.toString(16).padStart(8, '0')}`;
    })
    .join(''),
  'code points in braces': [...canary]
    .map((each) => `\\u{${each.codePointAt(0)?.toString(16)}}`)
    .join(''),
  'hex with colons': bytes.toString('hex').replace(/..(?!$)/g, '$&:'),
  ...Object.fromEntries(
    ['', 'u:', 'ab:', 'abc:'].flatMap((user) =>
      ['', '.'].flatMap((behind) => {
        const pair = Buffer.from(`${user}${canary}${behind}`);
        const text = pair.toString('base64');
        return [
          [`base64 of ${user}…${behind}`, text],
          [`base64url of ${user}…${behind}`, pair.toString('base64url')],
          [`base64 of ${user}…${behind} in lines`, text.replace(/.{10}/g, '$&\n')],
          [`base64 of ${user}…${behind}, percent-encoded`, encodeURIComponent(text)],
        ];
      }),
    ),
  ),
};

/** Does the text show a piece of the canary that is long enough to be of use? */
function shows(text: string, form: string): boolean {
  const piece = 8;
  for (let at = 0; at + piece <= form.length; at += 1) {
    // What stands beside the secret in base64 is not it.
    if (at < 8 || at + piece > form.length - 4) continue;
    if (text.includes(form.slice(at, at + piece))) return true;
  }
  return false;
}

function knowing(...values: string[]): Redactor {
  const redactor = new Redactor();
  values.forEach((value, index) => redactor.add(`s${index}`, value));
  return redactor;
}

test.each([
  ['SQL', `''`],
  ['sh', `'\\''`],
  ['Python for sh', `'"'"'`],
  ['PHP for HTML', '&#039;'],
])('an apostrophe as quoted by %s', (_name, quoted) => {
  expect(knowing("it's me").text(`'it${quoted}s me'`)).toBe("'[secret s0]'");
});

describe('a canary in every encoding', () => {
  test.each(Object.entries(forms))('%s', (_name, form) => {
    const text = knowing(canary).text(`before ${form} after`);
    expect(text).toMatch(/^before \S*\[secret s0\]\S* after$/);
    expect(shows(text, form)).toBe(false);
  });

  test('guards off, the same search finds it', () => {
    const leaks = (exit: (text: string) => string): number =>
      Object.values(forms).filter((form) => shows(exit(`before ${form} after`), form)).length;
    const guarded = leaks((text) => knowing(canary).text(text));
    const unredacted = leaks((text) => knowing().text(text));
    const cutFirst = leaks((text) => knowing(canary).text(text.slice(0, -9)));
    process.stderr.write(
      `leaks in ${Object.keys(forms).length} encodings: ${guarded}; not redacted: ${unredacted}; cut first: ${cutFirst}\n`,
    );
    expect(guarded).toBe(0);
    expect(unredacted).toBe(Object.keys(forms).length);
    expect(cutFirst).toBeGreaterThan(0);
  });
});

const lines = Array.from({ length: 5 }, (_, at) =>
  Buffer.from(`line ${at} of a key that nobody may see, ${at * 7_919}`).toString('base64'),
);
const key = ['-----BEGIN KEY-----', ...lines, 'q9Z=', '-----END KEY-----'].join('\n');

test('a secret of a few signs is not looked for across lines', () => {
  expect(knowing('12345').text('12\n345')).toBe('12\n345');
  expect(knowing('12345678').text('a 12\n345\n678 b')).toBe('a [secret s0] b');
  expect(knowing('12345678').text('a 12\n\n345678 b')).toBe('a 12\n\n345678 b');
});

describe('a key of several lines', () => {
  test.each([
    ['whole', key],
    ['with CRLF', key.replaceAll('\n', '\r\n')],
    ['in JSON', JSON.stringify({ key })],
    ['joined by spaces', key.replaceAll('\n', ' ')],
    ['indented', key.replaceAll('\n', '\n    ')],
    ['its last lines', key.split('\n').slice(-4).join('\n')],
    ['each line behind its time', key.replaceAll('\n', '\n12:00:01 ')],
  ])('%s', (_how, text) => {
    const clean = knowing(key).text(text);
    for (const line of lines) expect(clean).not.toContain(line);
    expect(clean).toContain('[secret s0]');
  });

  test('kept in one line with \\n, printed in several', () => {
    const clean = knowing(key.replaceAll('\n', '\\n')).text(`the key:\n${key}\n`);
    for (const line of lines) expect(clean).not.toContain(line);
  });

  test('short lines and its frame stay where they stand alone', () => {
    const redactor = knowing(`{\n  "a": 1,\n  "token": "abcdefgh-12345"\n}`);
    expect(redactor.text('{ } "a": 1,')).toBe('{ } "a": 1,');
    expect(redactor.text('x "token": "abcdefgh-12345" y')).toBe('x [secret s0] y');
    expect(knowing(key).text('-----BEGIN KEY-----')).toBe('-----BEGIN KEY-----');
  });
});

describe('in pieces', () => {
  test('cut anywhere, the text is the same as in one, and no character breaks', () => {
    const text = `😀🔑${canary}😀 ${strict} x${key}\n😀${lines[1]}é ${lines[2]} ${bytes.toString('base64')} 🔑`;
    const whole = knowing(canary, key).text(text);
    expect(whole).not.toContain('\ufffd');
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (sizes) => {
        const stream = knowing(canary, key).stream();
        let clean = '';
        for (let from = 0, index = 0; from < text.length; index += 1) {
          const size = sizes[index % sizes.length] as number;
          const piece = stream.write(text.slice(from, from + size));
          // Each piece becomes bytes by itself.
          clean += Buffer.from(piece).toString();
          from += size;
        }
        clean += stream.end();
        expect(clean).toBe(whole);
      }),
      { numRuns: 100 },
    );
  });

  test('what is no secret does not stay behind', () => {
    expect(knowing(canary).stream().write('50 % done: ')).toBe('50 % done: ');
  });

  test('a secret that repeats itself for ever keeps nothing back', () => {
    const stream = knowing('aaaa').stream();
    for (let times = 0; times < 1_000; times += 1) stream.write('a'.repeat(1_000));
    expect(stream.end().length).toBeLessThan(100);
  });
});

test('secrets that overlap are both taken', () => {
  expect(knowing('abcdef', 'defghi').text('x abcdefghi y')).toBe('x [secret s0][secret s1] y');
});

test('a number that is a secret is one in JSON too', () => {
  expect(knowing('90210777').json({ pin: 90210777, other: 1 })).toEqual({
    pin: '[secret s0]',
    other: 1,
  });
});
