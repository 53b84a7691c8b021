import { readFileSync } from 'node:fs';
import { Context } from '@temporalio/activity';
import { Worker } from '@temporalio/worker';
import { execa } from 'execa';
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
const { worker, connection, commands, watch } = await createWorker(config, pool, {
  bundle: { code: readFileSync(process.env['TEST_BUNDLE'] ?? '', 'utf8'), procedure: 'sha256:test' },
  catalogue: testCatalogue,
});
const bare = await Worker.create({
  connection,
  taskQueue: `${config.taskQueue}-bare`,
  workflowBundle: { code: readFileSync(process.env['TEST_BUNDLE'] ?? '', 'utf8') },
  activities: {
    async append(id: string, journal: string): Promise<void> {
      const beat = setInterval(() => Context.current().heartbeat(), 500);
      await execa('/bin/sh', ['-c', 'sleep 0.1; echo "$1" >> "$2"; sleep 0.1', 'sh', id, journal]);
      clearInterval(beat);
    },
  },
  stickyQueueScheduleToStartTimeout: '2s',
});
watch.start();
process.stdout.write('worker ready\n');
await Promise.all([worker.run(), bare.run()]);
await watch.close();
commands.close();
await connection.close();
await pool.end();
