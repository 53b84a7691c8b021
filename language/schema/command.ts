import { z } from 'zod';
import { outputForms } from '../kinds/command.js';
import { openProgramText, openVariable } from '../arguments.js';
import { id, orReference, text } from './values.js';

export const command = z
  .strictObject({
    kind: z.literal('command'),
    // A value never chooses the program itself.
    argv: z.tuple([text], orReference(z.string())),
    env: z
      .record(
        z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/),
        orReference(z.union([z.string(), z.strictObject({ secret: id })])),
      )
      .optional(),
    target: orReference(id).optional(),
    credentials: id.optional(),
    runsOn: orReference(text).optional(),
    cwd: text.optional(),
    exitCodes: z.array(z.int().min(0).max(255)).min(1).optional(),
    parse: z.enum(outputForms).optional(),
    idempotent: z.boolean().optional(),
    programMayChange: z.boolean().optional(),
  })
  .superRefine(({ argv, env = {} }, context) => {
    const wrong = (found: string | undefined, path: string): void => {
      if (found === undefined) return;
      const message = `${found}: give it as data, such as a parameter of a script that stands here`;
      context.addIssue({ code: 'custom', message, path: [path] });
    };
    wrong(openProgramText(argv), 'argv');
    wrong(openVariable(env), 'env');
    if (argv.some((part) => typeof part === 'string' && part.includes('\0')))
      context.addIssue({ code: 'custom', message: 'an argument holds a NUL', path: ['argv'] });
  });
