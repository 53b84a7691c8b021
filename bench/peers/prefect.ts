import { join } from 'node:path';
import { projectRoot } from '../../embedded/home.js';
import { program } from '../specs.js';
import { installed, measured, type Peer } from './python.js';

const steps = 50;

/**
 * Prefect: one flow, so many tasks, with the server and the SQLite file that it starts by itself.
 * @param folder for its data
 */
export async function prefect(folder: string): Promise<Peer> {
  // Later releases of fastapi are refused by this one of Prefect only when it runs.
  const { programs, version } = await installed(['prefect==3.8.8', 'fastapi==0.139.0']);
  const script = join(projectRoot, 'bench', 'peers', 'prefect_steps.py');
  const env = {
    PREFECT_HOME: join(folder, 'prefect'),
    PREFECT_LOGGING_LEVEL: 'ERROR',
    PREFECT_SERVER_ANALYTICS_ENABLED: 'false',
    DO_NOT_TRACK: '1',
    PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS: '120',
  };
  return {
    ...{ name: 'Prefect', version, steps },
    round: () => measured(join(programs, 'python'), [script, program, String(steps)], env),
  };
}
