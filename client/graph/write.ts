import { writeFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { CliError } from '../errors.js';
import { exitCodes } from '../exit-codes.js';
import { mermaidText } from './mermaid.js';
import { htmlPicture, svgPicture, type Drawn } from './picture.js';

const forms: Readonly<Record<string, (drawn: Drawn) => string>> = {
  '.svg': svgPicture,
  '.html': htmlPicture,
  '.mmd': mermaidText,
};

/** @throws CliError with exit code 2 for a file of another form */
export function graphForm(file: string): (drawn: Drawn) => string {
  const form = forms[extname(file)];
  if (form) return form;
  throw new CliError(
    `${file} has no form that can be drawn.`,
    `Name a file that ends with ${Object.keys(forms).join(', ')}.`,
    exitCodes.usage,
  );
}

/** Draws the steps into a file, in the form that its name says. */
export async function writeGraph(file: string, drawn: Drawn): Promise<void> {
  await writeFile(file, graphForm(file)(drawn));
}
