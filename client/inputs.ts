import { isUtf8 } from 'node:buffer';
import { readFile } from 'node:fs/promises';
import type { Json, JsonObject } from '../language/json.js';
import { CliError } from './errors.js';
import { exitCodes } from './exit-codes.js';
import type { GivenInputs } from './options.js';

/** Limit of a file with inputs. */
const maxBytes = 256 * 1024;

/**
 * The inputs of a start: those of the file, overridden by those of the command line. Admission
 * checks them.
 * @throws CliError with exit code 2 when the file holds no inputs
 */
export async function readInputs({
  input = {},
  inputsFile,
}: {
  input?: GivenInputs;
  inputsFile?: string;
}): Promise<JsonObject> {
  return { ...(inputsFile === undefined ? {} : await readInputsFile(inputsFile)), ...input };
}

async function readInputsFile(path: string): Promise<JsonObject> {
  const refuse = (why: string): CliError =>
    new CliError(
      `The inputs in ${path} cannot be read: ${why}.`,
      'Write one "name: value" a line, or a JSON object.',
      exitCodes.usage,
    );
  const bytes = await readFile(path);
  if (!isUtf8(bytes)) throw refuse('it holds bytes that are no UTF-8');
  const text = bytes.toString('utf8');
  if (text.length > maxBytes) throw refuse('the file is too large');
  const { parseDocument } = await import('yaml');
  const document = parseDocument(text, { uniqueKeys: true, strict: true });
  const fault = document.errors[0] ?? document.warnings[0];
  if (fault) throw refuse(fault.message.split('\n')[0]?.replace(/:$/, '') ?? 'it is no YAML');
  const value = document.toJS({ maxAliasCount: 20 }) as Json;
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw refuse('it holds no names with values');
  return value;
}
