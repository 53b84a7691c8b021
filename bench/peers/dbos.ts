import { join } from 'node:path';
import { projectRoot } from '../../embedded/home.js';
import { program } from '../specs.js';
import { installed, measured, type Peer } from './python.js';

const steps = 100;

/**
 * DBOS: one workflow, so many steps, on the bench's own PostgreSQL.
 * @param databaseUrl address of an empty database
 */
export async function dbos(databaseUrl: string): Promise<Peer> {
  const { programs, version } = await installed(['dbos==3.4.0']);
  const script = join(projectRoot, 'bench', 'peers', 'dbos_steps.py');
  return {
    ...{ name: 'DBOS', version, steps },
    round: () =>
      measured(join(programs, 'python'), [script, program, String(steps)], {
        DBOS_BENCH_DATABASE_URL: databaseUrl,
      }),
  };
}
