import { readFileSync } from 'node:fs';
import { openPool } from '../../store/index.js';
import { readConfig } from '../../worker/config.js';
import { createWorker } from '../../worker/create.js';
import { testCatalogue } from '../engine/specs.js';

/*
 * The shipped worker with the procedures of the engine's tests, as a process that can be killed. TEST_BUNDLE names the
 * file that holds their bundle.
 */
const config = readConfig(process.env);
const pool = openPool(config.databaseUrl);
const { worker, connection, commands } = await createWorker(config, pool, {
  bundle: { code: readFileSync(process.env['TEST_BUNDLE'] ?? '', 'utf8'), procedure: 'sha256:test' },
  catalogue: testCatalogue,
});
process.stdout.write('worker ready\n');
await worker.run();
commands.close();
await connection.close();
await pool.end();
