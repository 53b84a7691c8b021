import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { runbookHome } from '../embedded/home.js';

/**
 * How everything is started on this machine. `dev` does not keep with which example it ran: where
 * one was tried, both ways are named, because without it its targets are not there.
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
