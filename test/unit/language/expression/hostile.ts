import type { Scope } from '../../../../language/expression/evaluation.js';

/** Data from outside that is as bad as it may be. */
export const scope: Scope = {
  log: 'a'.repeat(1_000_000),
  lines: 'a,\n'.repeat(300_000),
  words: 'a b '.repeat(50_000),
  mixed: mixed(60_000),
  digits: '1'.repeat(400_000),
  list: Array.from({ length: 50_000 }, (_unused, at) => at),
  texts: Array.from({ length: 2_000 }, (_unused, at) => `${'x'.repeat(2_000)}${at}`),
  map: Object.fromEntries(Array.from({ length: 20_000 }, (_unused, at) => [`k${at}`, at])),
  other: Object.fromEntries(Array.from({ length: 20_000 }, (_unused, at) => [`k${at + 1}`, at])),
  now: '2026-03-01T12:00:00Z',
};

/** Letters a and b in an order without a pattern. */
function mixed(length: number): string {
  let [text, state] = ['', 1];
  for (let at = 0; at < length; at += 1) {
    state = (state * 1_103_515_245 + 12_345) & 0x7fffffff;
    text += (state >> 16) & 1 ? 'a' : 'b';
  }
  return text;
}

const chain = (start: string, step: string, times: number): string => start + step.repeat(times);

/** What takes long or much memory, or reaches out of the language, if nothing stops it. */
export const hostile: readonly string[] = [
  // Loops in loops.
  'list.map(a, list.map(b, a * b))',
  'list.exists(a, list.exists(b, a + b < 0))',
  'range(300).map(a, range(300).map(b, range(300).map(c, a + b + c)))',
  'range(19999).all(a, range(19999).all(b, a + b >= 0))',
  'list.filter(a, list.filter(b, b == a) == [])',
  'list.exists_one(a, list.exists(b, b == a))',
  'list.exists(a, list[a].missing.x == 1)',
  'map.map(k, map.map(l, k + l))',
  chain('[1, 2, 3]', '.map(x, [x, x, x]).flatten()', 14),
  // Ranges.
  'range(1000000000)',
  'range(-9223372036854775807, 9223372036854775807)',
  'range(15000).map(x, range(15000))',
  'chunks(range(9000), 1).map(c, range(9000))',
  'size(range(19000)) + size(range(19000))',
  // Text that grows.
  chain('[log]', '.map(x, x + x)', 12),
  chain('[log.take(9)]', '.map(x, x + x + x + x + x + x + x + x)', 12),
  chain('log', '.replace("a", "aaaaaaaaaaaaaaaa")', 6),
  'range(15000).map(x, log)',
  'range(15000).map(x, log + "x")',
  'list.join(log)',
  'texts.join(texts.join("-"))',
  'range(9000).map(x, toJson(texts.take(25)))',
  'range(9000).map(x, log.lower())',
  // Text that is cut.
  'lines.split(",")',
  'lines.lines().map(l, l.split(","))',
  'lines.split("\\n").map(l, lines.split(l))',
  'words.fields().map(w, words.fields())',
  'range(9000).map(x, log.trim())',
  'range(9000).exists(x, log.contains("aaaaaaaaaaaaaaaaaaaaaaaaab"))',
  'range(9000).map(x, size(log))',
  'range(9000).map(x, log.take(900000))',
  // Regular expressions.
  'log.matches("(a+)+$")',
  'log.matches("(a|aa)+b")',
  'log.matches("(a|a)*(a|a)*b")',
  'mixed.matches("(a|b)*a(a|b){20}$")',
  'mixed.matches("(?:a|b){0,300}c")',
  'mixed.find("(.*)(.*)(.*)(.*)c", 1)',
  'lines.matches("(?m)^(a|b|[^c])*x$")',
  'texts.exists(t, t.matches("(x+x+)+y"))',
  'log.matches("(a{100}){100}")',
  'log.matches("(\\\\pL{30}){30}")',
  `log.matches("${'(a?){30}'.repeat(20)}b")`,
  // Numbers and times in text.
  'range(9000).exists(x, double(digits) > 1.0)',
  'range(9000).exists(x, int(digits) > 1)',
  'range(9000).exists(x, duration(digits) > duration("1s"))',
  'range(9000).exists(x, timestamp(log) > timestamp("2026-01-01T00:00:00Z"))',
  'range(9000).exists(x, bytes(digits) > 1)',
  'range(9000).exists(x, daysUntil(log) > 1)',
  // Comparing, sorting, hashing.
  'range(9000).exists(x, map == other)',
  'range(9000).exists(x, list == list.map(y, y))',
  'texts.map(a, texts.sort())',
  'texts.sort().map(a, texts.distinct())',
  'list.map(a, a in list)',
  'range(9000).map(x, sha256(log))',
  'range(9000).map(x, list + list)',
  'range(9000).map(x, list.reverse())',
  // Values that hold one another many times.
  `${chain('[[list]]', '.map(x, [x, x, x, x])', 12)} == ${chain('[[list]]', '.map(x, [x, x, x, x])', 12)}`,
  chain('[list]', '.map(x, [x, x, x, x, x, x, x, x])', 12),
  `toJson(${chain('[list]', '.map(x, [x, x, x, x, x, x, x, x])', 12)})`,
  `${chain('[list]', '.map(x, [x, x, x, x, x, x, x, x])', 12)}.distinct()`,
  // Nesting.
  `${'('.repeat(900)}1${')'.repeat(900)}`,
  `${'['.repeat(900)}1${']'.repeat(900)}`,
  `${'!'.repeat(1_900)}true`,
  `${'-'.repeat(1_900)}1`,
  `${'true ? '.repeat(200)}1${' : 1'.repeat(200)}`,
  `1${' + 1'.repeat(450)}`,
  `true${' && true'.repeat(230)}`,
  `a${'.b'.repeat(900)}`,
  `[${'1, '.repeat(600)}1]`,
  `"${'x'.repeat(1_997)}"`,
  `"${'x'.repeat(1_000_000)}"`,
  // Ways out of the language.
  '"".constructor.constructor("return process")()',
  'map.constructor.prototype.polluted == 1',
  '{"__proto__": {"polluted": 1}}.polluted == 1',
  '[].__proto__.map(x, x)',
  'toString.call(1)',
  'globalThis.process.exit(1)',
];
