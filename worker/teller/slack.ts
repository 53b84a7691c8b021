import type { Message } from '../../common/message.js';
import type { JsonObject } from '../../language/json.js';
import { beginningOf, visible } from '../../common/visible.js';
import { headline, sectionsOf, type Section } from './sections.js';

/*
 * A message as Slack's blocks. Foreign text stands in rich text and plain text only, where Slack
 * reads no markup; the notification's text is escaped as Slack wants it.
 */

/** Slack's own limits, in characters. */
const longestHeader = 150;
const longestText = 2_900;

/** The body of a request to an incoming webhook. */
export function slackBody(message: Message): JsonObject {
  const title = headline(message);
  return {
    text: escaped(title),
    unfurl_links: false,
    unfurl_media: false,
    blocks: [
      {
        type: 'header',
        text: { type: 'plain_text', text: cut(title, longestHeader), emoji: false },
      },
      ...sectionsOf(message).map((section) => ({
        type: 'rich_text',
        elements: elementsOf(section),
      })),
    ],
  };
}

/** https://docs.slack.dev: these three characters begin all that Slack acts on in such a text. */
function escaped(text: string): string {
  return visible(text).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function elementsOf(section: Section): JsonObject[] {
  const title =
    section.title === ''
      ? []
      : [{ type: 'rich_text_section', elements: [text(section.title, true)] }];
  if ('commands' in section)
    return [
      ...title,
      ...section.commands.map((command) => ({
        type: 'rich_text_preformatted',
        elements: [text(command)],
      })),
    ];
  if ('link' in section)
    return [
      { type: 'rich_text_section', elements: [{ type: 'link', url: visible(section.link) }] },
    ];
  if ('lines' in section)
    return [...title, { type: 'rich_text_section', elements: [text(section.lines.join('\n'))] }];
  const rows = section.rows.flatMap(([name, value], index) => [
    text(`${index === 0 ? '' : '\n'}${visible(name)}: `, true),
    ...(value === '' ? [] : [text(value)]),
  ]);
  return [...title, { type: 'rich_text_section', elements: rows }];
}

function text(content: string, bold = false): JsonObject {
  const shown = cut(visible(content), longestText);
  return { type: 'text', text: shown || '-', ...(bold ? { style: { bold: true } } : {}) };
}

function cut(content: string, length: number): string {
  return content.length <= length ? content : `${beginningOf(content, length - 1)}…`;
}
