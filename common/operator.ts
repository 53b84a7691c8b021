/*
 * Operators' names are compared to decide who may approve. So no two names may look alike, and each
 * has one spelling: no capitals, accents, spaces or invisible characters. A display name is never
 * compared.
 */

const longest = 64;
const plainName = /^[A-Za-z0-9][A-Za-z0-9._@+-]*$/;

/** The rule for a name, as the end of a sentence. */
export const operatorRule =
  `an operator's name has at most ${longest} of the characters ` +
  'a-z 0-9 . _ @ + - and begins with a letter or digit';

/** The name in its one spelling; null when it is not valid. */
export function operatorOf(name: unknown): string | null {
  // Tested before it is lower-cased: the Kelvin sign becomes a plain k.
  if (typeof name !== 'string' || name.length > longest || !plainName.test(name)) return null;
  return name.toLowerCase();
}

/** Whether it is a valid name in its one spelling. */
export function isOperator(name: unknown): name is string {
  return operatorOf(name) === name;
}

/** Whether a text prints as nothing: spaces, controls, fillers, combining marks alone. */
export function isBlank(text: string): boolean {
  return text.replace(invisible, '') === '';
}

/** Lists the blank Braille pattern too: a symbol in Unicode, but it prints nothing. */
const invisible = /[\p{White_Space}\p{C}\p{Z}\p{M}\p{Default_Ignorable_Code_Point}\u2800]/gu;

/** Whether an operator is the one who started a run, as that name was given. */
export function isRequester(by: string, requester: string): boolean {
  return by === (operatorOf(requester) ?? requester);
}
