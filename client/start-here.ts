import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { runbookHome } from '../embedded/home.js';

/**
 * The command that starts everything on this machine. `dev` does not remember its example: where
 * one was tried, both commands are named, because without the example its targets are missing.
 * @param command name of the command line
 */
export function startHere(command: string, env = process.env): string {
  const [example] = examplesTried(runbookHome(env));
  const own = `${command} dev`;
  return example === undefined ? own : `${own} (with the example: ${own} --example ${example})`;
}

function examplesTried(home: string): string[] {
  try {
    return readdirSync(join(home, 'examples')).sort();
  } catch {
    return [];
  }
}
