/*
 * Text with expressions in `${…}`. Read once, when the file is read: what a value contains is never
 * searched.
 */

/** A part of a text: characters, or the source of an expression and where it begins. */
export type Part = { text: string; at: number } | { source: string; at: number; end: number };

/** A `${` that nothing closes. */
export interface Unclosed {
  unclosed: number;
}

/** The parts of a text; `$${` is a `${` that means nothing. */
export function partsOf(text: string): Part[] | Unclosed {
  const parts: Part[] = [];
  let [literal, from] = ['', 0];
  for (let at = 0; at < text.length;) {
    if (text.startsWith('$${', at)) {
      literal += '${';
      at += 3;
    } else if (text.startsWith('${', at)) {
      const end = closing(text, at + 2);
      if (end === undefined) return { unclosed: at };
      if (literal !== '') parts.push({ text: literal, at: from });
      parts.push({ source: text.slice(at + 2, end), at: at + 2, end });
      literal = '';
      at = from = end + 1;
    } else {
      literal += text[at];
      at += 1;
    }
  }
  if (literal !== '' || parts.length === 0) parts.push({ text: literal, at: from });
  return parts;
}

/** Where the brace is that ends an expression; braces in its texts do not count. */
export function closing(text: string, from: number): number | undefined {
  let depth = 0;
  let quote = '';
  for (let at = from; at < text.length; at += 1) {
    const letter = text[at] ?? '';
    if (quote !== '') {
      if (letter === '\\') at += 1;
      else if (letter === quote) quote = '';
    } else if (letter === '"' || letter === "'") quote = letter;
    else if (letter === '{') depth += 1;
    else if (letter === '}' && depth === 0) return at;
    else if (letter === '}') depth -= 1;
  }
  return undefined;
}

/** Whether a text has an expression in it. */
export function hasExpression(text: string): boolean {
  const parts = partsOf(text);
  return 'unclosed' in parts || parts.some((part) => 'source' in part);
}
