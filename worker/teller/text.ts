import type { Message } from '../../common/message.js';
import { wrap, wrapLines } from '../../common/plain.js';
import { visible, visibleLine } from '../../common/visible.js';
import { headline, sectionsOf, type Section } from './sections.js';

const columns = 80;
const indent = '  ';
/** A longer name gets a line of its own. */
const widestName = 28;

/** The message as plain text, in lines of 80 characters; commands and addresses stay whole. */
export function textOf(message: Message): string {
  return [wrap(headline(message), columns), ...sectionsOf(message).map(sectionText)].join('\n\n');
}

function sectionText(section: Section): string {
  const title = section.title === '' ? [] : [`${section.title}:`];
  return [...title, ...linesOf(section)].join('\n');
}

function linesOf(section: Section): string[] {
  if ('commands' in section)
    return section.commands.map((command) => `${indent}${visibleLine(command)}`);
  if ('link' in section) return [visibleLine(section.link)];
  const under = section.title === '' ? '' : indent;
  if ('lines' in section)
    return section.lines.map((line) => {
      const own = /^ */.exec(line)?.[0] ?? '';
      return wrap(line, columns, `${under}${own}`);
    });
  const room = Math.min(widestName, Math.max(...section.rows.map(([name]) => name.length)));
  return section.rows.flatMap(([name, value]) => {
    if (value === '') return [`${indent}${visible(name)}`];
    const hanging = `${indent}${' '.repeat(room + 2)}`;
    const text = wrapLines(value.split('\n'), columns, hanging);
    return name.length > room
      ? [`${indent}${visible(name)}`, text]
      : [`${indent}${visible(name).padEnd(room)}  ${text.slice(hanging.length)}`];
  });
}
