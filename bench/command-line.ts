import { join } from 'node:path';
import { execa } from 'execa';
import { programFolder } from '../worker/config.js';
import { median } from './median.js';

/** Runbooks to lint, of a clone. */
const examples = join('examples', 'runbooks');

/** Milliseconds that the command line takes where no server is asked, each a process of its own. */
export async function commandLineStartup(rounds: number): Promise<Record<string, number>> {
  const entry = join(programFolder, 'client', 'main.js');
  const timed = async (argv: string[]): Promise<number> => {
    const began = performance.now();
    await execa(process.execPath, [entry, ...argv], { reject: false });
    return performance.now() - began;
  };
  const result: Record<string, number> = {};
  const verbs = [['--help'], ['list'], ['show', 'pipeline-recovery'], ['lint', examples]];
  for (const argv of verbs) {
    const values: number[] = [];
    for (let round = 0; round < rounds; round += 1) values.push(await timed(argv));
    result[argv.join(' ')] = median(values);
  }
  return result;
}
