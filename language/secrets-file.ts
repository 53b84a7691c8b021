import { z } from 'zod';
import { parseStrictly } from './strict-file.js';

/*
 * secrets.yaml: which provider holds a secret, and which targets may get it. It never contains
 * values.
 */

const provider = z
  .string()
  .regex(/^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$/, 'must be `env:NAME` or `file:PATH`');

const file = z.strictObject({
  secrets: z.record(
    z
      .string()
      .regex(
        /^[a-z0-9][a-z0-9._-]{0,62}$/,
        'must be a short name of lower-case letters, digits, ., _ and -',
      ),
    z.strictObject({
      from: provider,
      targets: z
        .array(z.string().min(1))
        .min(1, 'must name at least one target that the secret may go to'),
    }),
  ),
});

export interface SecretDeclaration {
  name: string;
  /** `env:NAME` or `file:PATH`. */
  from: string;
  targets: string[];
}

/** Reads secrets.yaml. @throws FileError */
export function parseSecrets(text: string, path: string): SecretDeclaration[] {
  return Object.entries(parseStrictly(text, path, file).secrets).map(([name, secret]) => ({
    name,
    ...secret,
  }));
}
