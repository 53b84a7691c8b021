/*
 * Mutations of runbooks, from a seed: what a hand that slips, a merge that went wrong or somebody
 * hostile makes of a file.
 */

/** What is put in; some of it means something to YAML, to expressions or to the language. */
const snippets = [
  ...[
    '\0',
    '\ud800',
    '\u2028',
    '\t',
    ' ',
    '\n',
    ':',
    ': ',
    '- ',
    '? ',
    '{',
    '}',
    '[',
    ']',
    ',',
    '#',
  ],
  ...['"', "'", '|', '>', '&a ', '*a', '!x ', '!!str ', '<<: ', '---\n', '...\n', '%YAML 1.1\n'],
  ...['${', '}', '$${', '${inputs.', '${steps.x.y}', '${a ? b : c}', '$HOME', '`id`', '; rm -rf /'],
  ...['null', 'true', '0644', '1e999', '-0', '9007199254740993', '02:00', '~', 'yes', '=', '@'],
  ...[
    '__proto__: {}',
    'constructor: 1',
    'toString: 1',
    'hasOwnProperty: 1',
    '{ $: 1 }',
    '{ join: 1 }',
  ],
  ...[
    'steps: []',
    'steps: 1',
    'steps:\n',
    'use: df',
    'undo: 1',
    'verify: []',
    'branch: {}',
    'kind: x',
  ],
  ...['out.', 'item', '(((((', '"a".matches("(a+)+$")', '[1,2].map(x, x)', 'steps.a.b.c.d.e.f'],
];

/** A copy with one to four mutations. */
export function mutated(text: string, random: () => number): string {
  let result = text;
  const times = 1 + Math.floor(random() * 4);
  for (let time = 0; time < times; time += 1) result = once(result, random);
  return result;
}

function once(text: string, random: () => number): string {
  const pick = (below: number): number => Math.floor(random() * below);
  const at = pick(text.length + 1);
  const length = 1 + pick(random() < 0.8 ? 12 : 400);
  const lines = text.split('\n');
  const line = pick(lines.length);
  switch (pick(8)) {
    case 0:
      return text.slice(0, at) + text.slice(at + length);
    case 1:
      return text.slice(0, at) + (snippets[pick(snippets.length)] ?? '') + text.slice(at);
    case 2:
      return text.slice(0, at) + (snippets[pick(snippets.length)] ?? '') + text.slice(at + length);
    case 3:
      return (
        text.slice(0, at) +
        text.slice(at, at + length).repeat(2 + pick(3)) +
        text.slice(at + length)
      );
    case 4:
      lines.splice(line, 1 + pick(5));
      return lines.join('\n');
    case 5:
      lines.splice(line, 0, ...lines.slice(pick(lines.length)).slice(0, 1 + pick(20)));
      return lines.join('\n');
    case 6:
      lines[line] = (lines[line] ?? '').replace(
        /[\w"'${}.]+(?=[^\w]*$)/,
        snippets[pick(snippets.length)] ?? '',
      );
      return lines.join('\n');
    default:
      lines[line] = ' '.repeat(pick(12)) + (lines[line] ?? '').trimStart();
      return lines.join('\n');
  }
}
