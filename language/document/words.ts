import { closing, type Part } from './template.js';

/*
 * A command on one line is a list of words, taken apart when the file is read: by white space and
 * quotes, and by nothing else. Values come later, so that none can become two words.
 */

/** A word, as its parts. */
export interface Word {
  parts: Part[];
  /** Offsets in the command. */
  start: number;
  end: number;
}

/** What only a shell would understand, or a quote that is not closed. */
export interface NotWords {
  at: number;
  length: number;
  message: string;
  hint: string;
}

const signs = new Set(['|', '&', ';', '<', '>', '*', '`']);

/** The words of a command. */
export function wordsOf(text: string): Word[] | NotWords {
  const reader = new Reader(text);
  try {
    return reader.read();
  } catch (error) {
    if (error instanceof Wrong) return error.what;
    throw error;
  }
}

class Wrong extends Error {
  constructor(readonly what: NotWords) {
    super(what.message);
  }
}

class Reader {
  readonly #words: Word[] = [];
  #word: Word | undefined;
  #at = 0;

  constructor(readonly text: string) {}

  read(): Word[] {
    while (this.#at < this.text.length) {
      const letter = this.text[this.#at] ?? '';
      if (/\s/.test(letter)) {
        this.#end();
        this.#at += 1;
      } else if (this.#expression()) continue;
      else if (letter === "'" || letter === '"') this.#quoted(letter);
      else this.#plain(letter);
    }
    this.#end();
    return this.#words;
  }

  #plain(letter: string): void {
    const rest = this.text.slice(this.#at);
    const isHome = letter === '~' && this.#word === undefined;
    const variable = /^\$[A-Za-z_0-9({?@*#!]\w*/.exec(rest)?.[0];
    const braces = /^\{\{\s*((?:inputs|steps|item|run|target|out)\b[^}]*?)\s*\}\}/.exec(rest);
    if (braces)
      this.#refuse(braces[0].length, 'an expression stands in ${ }', {
        hint: `write \${${braces[1]}}`,
      });
    if (signs.has(letter) || isHome) this.#shell(letter);
    if (variable !== undefined) this.#shell(variable.endsWith('(') ? '$(' : variable);
    if (letter === '\\')
      this.#refuse(1, 'a command is a program and its arguments; "\\" has no meaning there', {
        hint: 'put the word in quotes; a command may go over several lines without it',
      });
    this.#add(letter, this.#at);
    this.#at += 1;
  }

  #quoted(quote: string): void {
    const opened = this.#at;
    this.#add('', opened);
    this.#at += 1;
    for (;;) {
      const letter = this.text[this.#at];
      if (letter === undefined) {
        this.#at = opened;
        this.#refuse(1, 'this quote is not closed', {
          hint: 'close it, or put the word in quotes',
        });
      }
      if (letter === quote) break;
      if (this.#expression()) continue;
      const next = this.text[this.#at + 1];
      const isEscape = quote === '"' && letter === '\\' && (next === '"' || next === '\\');
      this.#add(isEscape ? next : letter, this.#at);
      this.#at += isEscape ? 2 : 1;
    }
    this.#at += 1;
    if (this.#word) this.#word.end = this.#at;
  }

  /** Takes an expression, or an escaped `${`, if one begins here. */
  #expression(): boolean {
    if (this.text.startsWith('$${', this.#at)) {
      this.#add('${', this.#at);
      this.#at += 3;
      return true;
    }
    if (!this.text.startsWith('${', this.#at)) return false;
    const from = this.#at + 2;
    const doubled = /^\$\{\{\s*([^{}]*?)\s*\}\}/.exec(this.text.slice(this.#at));
    if (doubled)
      this.#refuse(doubled[0].length, 'an expression stands in ${ }, with one brace', {
        hint: `write \${${doubled[1]}}`,
      });
    const end = closing(this.text, from);
    if (end === undefined) this.#refuse(2, 'this expression is not closed: } is missing', {});
    const word = this.#open();
    word.parts.push({ source: this.text.slice(from, end), at: from, end });
    this.#at = word.end = end + 1;
    return true;
  }

  #open(): Word {
    this.#word ??= { parts: [], start: this.#at, end: this.#at };
    return this.#word;
  }

  #add(text: string, at: number): void {
    const word = this.#open();
    const last = word.parts.at(-1);
    if (last && 'text' in last) last.text += text;
    else word.parts.push({ text, at });
    word.end = at + 1;
  }

  #end(): void {
    if (!this.#word) return;
    const { parts } = this.#word;
    const kept = parts.filter((part) => !('text' in part) || part.text !== '');
    this.#words.push({ ...this.#word, parts: kept.length > 0 ? kept : parts.slice(0, 1) });
    this.#word = undefined;
  }

  #shell(sign: string): never {
    return this.#refuse(
      sign.length,
      `a command is a program and its arguments; "${sign}" has no meaning there`,
      { hint: 'use script: if you need a shell' },
    );
  }

  #refuse(length: number, message: string, { hint = '' }: { hint?: string }): never {
    throw new Wrong({ at: this.#at, length, message, hint });
  }
}

/** A word as a list has it, and as a command on one line can be written again. */
export function quotedWord(text: string): string {
  if (/^[\w@%+=:,./-]+$/.test(text)) return text;
  return text.includes("'") ? `"${text.replaceAll(/["\\]/g, '\\$&')}"` : `'${text}'`;
}
