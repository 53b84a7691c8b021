import { join } from 'node:path';
import { execa } from 'execa';
import { programFolder } from '../worker/config.js';
import { median } from './median.js';

/** Milliseconds that the command line takes where no server is asked, each a process of its own. */
export async function commandLineStartup(rounds: number): Promise<Record<string, number>> {
  const entry = join(programFolder, 'client', 'main.js');
  const timed = async (argv: string[]): Promise<number> => {
    const began = performance.now();
    await execa(process.execPath, [entry, ...argv], { reject: false });
    return performance.now() - began;
  };
  const result: Record<string, number> = {};
  for (const argv of [['--help'], ['list'], ['show', 'pipeline-recovery']]) {
    const values: number[] = [];
    for (let round = 0; round < rounds; round += 1) values.push(await timed(argv));
    result[argv.join(' ')] = median(values);
  }
  return result;
}
