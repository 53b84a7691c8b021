/*
 * Operators' names are compared to say who may decide. So they are of characters that cannot be
 * taken for one another, and there is one way to write each: no capitals, no accents, no spaces,
 * nothing invisible. A display name is never compared.
 */

const longest = 64;
const plainName = /^[A-Za-z0-9][A-Za-z0-9._@+-]*$/;

/** What a name has to be, as the end of a sentence. */
export const operatorRule = `an operator's name has at most ${longest} of the characters a-z 0-9 . _ @ + - and begins with a letter or digit`;

/** The name as it is compared and recorded; null when it is no operator's name. */
export function operatorOf(name: unknown): string | null {
  // Tested before it is lower-cased: the Kelvin sign becomes a plain k.
  if (typeof name !== 'string' || name.length > longest || !plainName.test(name)) return null;
  return name.toLowerCase();
}

/** Is it a name as envelopes carry it: in its one form? */
export function isOperator(name: unknown): name is string {
  return operatorOf(name) === name;
}

/** A text that shows nothing when it is printed: spaces, controls, fillers and marks on nothing. */
export function isBlank(text: string): boolean {
  return text.replace(invisible, '') === '';
}

/** The blank Braille pattern is a symbol to Unicode, and prints nothing. */
const invisible = /[\p{White_Space}\p{C}\p{Z}\p{M}\p{Default_Ignorable_Code_Point}\u2800]/gu;
