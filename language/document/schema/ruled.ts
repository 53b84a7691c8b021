/*
 * A schema can only say a text. Where it is about a rule with a name of its own, or says what to
 * write, the text carries both: `rule|message|hint`.
 */

/** What a schema says, with the name of the rule. */
export function ruled(rule: string, message: string, hint = ''): string {
  return `\u0001${rule}\u0001${message}\u0001${hint}`;
}

/** The parts of what a schema said. */
export function unruled(text: string): { rule: string; message: string; hint?: string } {
  const [first, rule = '', message = '', hint = ''] = text.split('\u0001');
  if (first !== '' || rule === '') return { rule: 'shape', message: text };
  return { rule, message, ...(hint ? { hint } : {}) };
}
