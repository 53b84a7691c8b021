/*
 * The forms of a secret in a text: as it is, as encoders write it, whole or line by line. A pattern
 * is a sequence of units; a unit is one character of the secret with every text that may represent
 * it. So a secret is found even after two encoders, or one that encodes more characters than
 * another.
 */

/** Shorter values would blank out half of every text; a secret this short protects nothing. */
const shortest = 4;
/** Shortest line of a longer secret: `}`, `key:` and the like occur in every text. */
const shortestLine = 8;

/** The texts that may represent one character, by their first character code. */
interface Unit {
  texts: ReadonlyMap<number, readonly string[]>;
  /** May it be left out? */
  optional: boolean;
}

export interface Pattern {
  units: readonly Unit[];
  /** Units at which a match may begin. */
  starts: readonly number[];
  /** Numbers of units after which a match may end. */
  ends: ReadonlySet<number>;
}

/** Everything to look for; nothing for a value that is too short. */
export function patternsOf(value: string): Pattern[] {
  const trimmed = value.trim();
  const core = trimmed.length < shortest ? value : trimmed;
  if (core.length < shortest) return [];
  const lines = linesOf(core);
  const secrets = [core, ...(lines.length > 1 ? lines.map(({ text }) => text) : [])].filter(
    (text, index) => index === 0 || isIdentifying(text),
  );
  return [inText(lines), ...secrets.flatMap((text) => [...inBase64(text), inHex(text)])];
}

interface Line {
  text: string;
  /** The separator before the next line. */
  end: string;
}

/** A key in JSON has escaped line breaks, but is printed with real ones. */
function linesOf(value: string): Line[] {
  const parts = value.split(/((?:\s*(?:\r?\n|\\r\\n|\\n))+\s*)/);
  const lines: Line[] = [];
  for (let index = 0; index < parts.length; index += 2)
    lines.push({ text: parts[index] ?? '', end: parts[index + 1] ?? '' });
  return lines.filter(({ text }) => text !== '');
}

/** The first and last line of a key. */
const frame = /^-----[A-Z0-9 ]+-----$/;

/** Does the line identify the secret, and is not just its PEM frame? */
function isIdentifying(line: string): boolean {
  return line.length >= shortestLine && !frame.test(line);
}

/** The secret as text. It may begin at any line that is long enough, and end with any line. */
function inText(lines: readonly Line[]): Pattern {
  const units: Unit[] = [];
  const starts = new Set([0]);
  const ends = new Set<number>();
  let began = lines.length === 1;
  lines.forEach(({ text, end }, index) => {
    began ||= isIdentifying(text);
    if (isIdentifying(text)) starts.add(units.length);
    const isLong = text.length >= shortestLine;
    [...text].forEach((character, at) =>
      units.push(at > 0 && isLong ? unitInLine(character) : unitOf(character)),
    );
    if (began || (units.length >= 2 * shortestLine && !frame.test(text))) ends.add(units.length);
    if (index < lines.length - 1) units.push(breakOf(end));
  });
  ends.add(units.length);
  return { units, starts: [...starts], ends };
}

const made = new Map<string, Unit>();

/** All encodings of a character. */
function unitOf(character: string): Unit {
  let unit = made.get(character);
  if (!unit) made.set(character, (unit = unitFrom(formsOf(character))));
  return unit;
}

/** Terminals, `fold` and mail break a line anywhere. */
const foldedAt = ['\n', '\r\n', '\\n', '\\r\\n', '=\n', '=\r\n'];
const madeInLine = new Map<string, Unit>();

/** The same, also behind a line break. */
function unitInLine(character: string): Unit {
  let unit = madeInLine.get(character);
  if (!unit) {
    unit = unitFrom(brokenUp(formsOf(character), foldedAt));
    madeInLine.set(character, unit);
  }
  return unit;
}

const named: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};
const jsonEscapes: Readonly<Record<string, string>> = {
  '\b': 'b',
  '\t': 't',
  '\n': 'n',
  '\f': 'f',
  '\r': 'r',
};

function formsOf(character: string): string[] {
  const bytes = [...Buffer.from(character)];
  const codes = Array.from({ length: character.length }, (_, at) => character.charCodeAt(at));
  const point = character.codePointAt(0) ?? 0;
  const hex = (numbers: number[], digits: number, before: string): string[] => {
    const lower = numbers.map((number) => before + number.toString(16).padStart(digits, '0'));
    const upper = numbers.map(
      (number) => before + number.toString(16).toUpperCase().padStart(digits, '0'),
    );
    return [lower.join(''), upper.join('')];
  };
  const forms = [
    character,
    // Percent-encoding, strict or not, also double; `+` in forms.
    ...hex(bytes, 2, '%'),
    ...hex(bytes, 2, '%25'),
    ...(character === ' ' ? ['+'] : []),
    // JSON, JSON in JSON, and languages that escape bytes.
    ...['\\', '\\\\', '\\\\\\\\'].flatMap((slashes) => hex(codes, 4, `${slashes}u`)),
    ...['\\', '\\\\'].flatMap((slashes) => [
      ...hex(bytes, 2, `${slashes}x`),
      bytes.map((byte) => slashes + byte.toString(8).padStart(3, '0')).join(''),
    ]),
    // Languages that escape code points, and quoted-printable.
    ...(point < 256 ? hex([point], 2, '\\x') : []),
    ...hex([point], 8, '\\U'),
    ...hex([point], 1, '\\u{').map((form) => `${form}}`),
    ...hex(bytes, 2, '='),
    // HTML and XML.
    ...hex([point], 1, '&#x').map((form) => `${form};`),
    `&#${point};`,
    ...(named[character] === undefined ? [] : [named[character]]),
    ...(character === '"' ? ['""'] : []),
    ...(character === "'" ? ["''", "'\\''", `'"'"'`, '&#039;'] : []),
  ];
  const escaped = jsonEscapes[character] ?? (/^[!-/:-@[-`{-~ ]$/.test(character) ? character : '');
  if (escaped === '\\') forms.push('\\\\', '\\\\\\\\');
  else if (escaped !== '')
    forms.push(`\\${escaped}`, `\\\\${escaped}`, `\\\\\\${escaped}`, `\\\\\\\\${escaped}`);
  return forms;
}

/** What may separate two lines: also nothing, or what a program joins lines with. */
function breakOf(end: string): Unit {
  const plain = end.replaceAll('\\r\\n', '\n').replaceAll('\\n', '\n').replaceAll('\r\n', '\n');
  const each = [end, plain, '\n', '\n\n', '\n ', '\n  ', '\n    ', '\n\t', ' ', ', ', ','];
  const forms = each.flatMap((text) => {
    const crlf = text.replaceAll('\n', '\r\n');
    return [text, crlf].flatMap((form) => [
      form,
      JSON.stringify(form).slice(1, -1),
      JSON.stringify(JSON.stringify(form).slice(1, -1)).slice(1, -1),
      encodeURIComponent(form),
      encodeURIComponent(form).toLowerCase(),
      form.replaceAll('\n', '&#10;').replaceAll('\r', '&#13;'),
    ]);
  });
  return unitFrom(forms, true);
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const lineBreaks = ['\n', '\r\n', '\\n', '\\r\\n', ' '];
const encoded: Readonly<Record<string, readonly string[]>> = {
  '+': ['+', '-', '%2B', '%2b', '\\u002b', '\\u002B'],
  '/': ['/', '_', '%2F', '%2f', '\\/', '\\u002f', '\\u002F'],
};
const padding = ['=', '%3D', '%3d', '\\u003d', '\\u003D'].flatMap((sign) => [sign, sign + sign]);

/**
 * In base64 (either alphabet) three bytes are four characters, so the bytes before the secret
 * decide which of three forms it has. The characters at its ends share bits with their neighbours:
 * any that hold the secret's own bits match.
 */
function inBase64(secret: string): Pattern[] {
  const bytes = Buffer.from(secret);
  return [0, 1, 2].map((before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64');
    const [first, end] = [8 * before, 8 * (before + bytes.length)];
    const units: Unit[] = [];
    for (let at = Math.floor(first / 6); at * 6 < end; at += 1) {
      const own = alphabet.indexOf(text[at] as string);
      let mask = 0;
      for (let bit = 0; bit < 6; bit += 1)
        if (at * 6 + bit >= first && at * 6 + bit < end) mask |= 1 << (5 - bit);
      const signs = [...alphabet].filter((_, value) => (value & mask) === (own & mask));
      const forms = signs.flatMap((sign) => encoded[sign] ?? [sign]);
      if (at * 6 + 6 > end) {
        const last = alphabet[own] as string;
        forms.push(
          ...(encoded[last] ?? [last]).flatMap((sign) => padding.map((pad) => sign + pad)),
        );
      }
      units.push(unitFrom(units.length === 0 ? forms : brokenUp(forms)));
    }
    return whole(units);
  });
}

function inHex(secret: string): Pattern {
  const digits = Buffer.from(secret).toString('hex');
  // Dumps of bytes begin their lines with blanks, and part groups by two of them.
  const between = [':', ' ', '-', ',', '  ', ', ', '\n ', '\r\n ', ...lineBreaks];
  return whole(
    [...digits].map((digit, index) => {
      const forms = [digit, digit.toUpperCase()];
      return unitFrom(
        index === 0 ? forms : brokenUp(forms, index % 2 === 0 ? between : lineBreaks),
      );
    }),
  );
}

/** Encoders break their lines anywhere. */
function brokenUp(forms: readonly string[], breaks: readonly string[] = lineBreaks): string[] {
  return [...forms, ...breaks.flatMap((before) => forms.map((form) => before + form))];
}

function whole(units: readonly Unit[]): Pattern {
  return { units, starts: [0], ends: new Set([units.length]) };
}

function unitFrom(forms: readonly string[], optional = false): Unit {
  const texts = new Map<number, string[]>();
  for (const form of new Set(forms)) {
    if (form === '') continue;
    const code = form.charCodeAt(0);
    texts.set(code, [...(texts.get(code) ?? []), form]);
  }
  return { texts, optional };
}
