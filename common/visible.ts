/*
 * Makes foreign text harmless where it is shown. Each sink has its own escaping, at its writer; all
 * begin with this one, which writes out characters that are invisible, reverse text, or act on a
 * terminal.
 */

/**
 * Control characters but tab and line feed; format characters that hide or turn text (bidirectional
 * controls, zero width, tags); the line and paragraph separators, which end a line for some readers
 * only. The joiners of emoji and of Indic and Arabic scripts stay.
 */
const unseen =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|\udb40[\udc00-\udc7f]/g;

/** `\u001b` for ESC, and so on. */
function written(characters: string): string {
  return Array.from(
    { length: characters.length },
    (_, at) => `\\u${characters.charCodeAt(at).toString(16).padStart(4, '0')}`,
  ).join('');
}

/** Text in lines: what cannot be seen is written out. */
export function visible(text: string): string {
  return text.replaceAll('\r\n', '\n').replace(unseen, written);
}

/**
 * As `visible`, in one line: for text that the Temporal UI shows verbatim, such as the summaries of
 * activities and timers.
 * @param length cut to this many characters, for people
 */
export function visibleLine(text: string, length = Infinity): string {
  const flat = visible(text).replace(/\s+/g, ' ').trim();
  return flat.length <= length ? flat : beginningOf(flat, length);
}

/** Beginning of a text, never half of a surrogate pair. */
export function beginningOf(text: string, characters: number): string {
  return text.slice(0, characters).replace(/[\ud800-\udbff]$/, '');
}

/**
 * JSON with the same value, harmless wherever it is printed.
 * @param indent as for JSON.stringify
 */
export function visibleJson(value: unknown, indent?: number): string {
  // Outside of strings JSON has none of these characters, and inside of them \u says the same.
  return JSON.stringify(value, null, indent).replace(unseen, written);
}
