import { readFileSync } from 'node:fs';
import {
  Switch,
  type TrafficChange,
  type WantedServer,
} from '../../activities/delivery/traffic/switch.js';
import { catalogue } from '../../workflows/catalogue.js';
import { openPool } from '../../store/index.js';
import { readConfig } from '../../worker/config.js';
import { createWorker } from '../../worker/create.js';

/*
 * The shipped worker as a process that can be killed. With DEPLOYMENT_OFF=readback it believes that
 * a proxy does what it was told last, as a deployer does that never asks the proxy itself.
 */
if (process.env['DEPLOYMENT_OFF'] === 'readback') believeWhatWasTold();

function believeWhatWasTold(): void {
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called with their own `this`
  const { observe, apply } = Switch.prototype;
  const told = new Map<string, WantedServer>();
  Switch.prototype.observe = async function (signal) {
    const seen = await observe.call(this, signal);
    return {
      ...seen,
      servers: seen.servers.map((server) => ({ ...server, ...told.get(server.name) })),
    };
  };
  Switch.prototype.apply = async function (wanted, signal): Promise<TrafficChange> {
    const change = await apply.call(this, wanted, signal);
    for (const server of change.after) told.set(server.name, server);
    return change;
  };
}

const config = readConfig(process.env);
const pool = openPool(config.databaseUrl);
const { worker, connection, commands } = await createWorker(config, pool, {
  bundle: {
    code: readFileSync(process.env['TEST_BUNDLE'] ?? '', 'utf8'),
    procedure: 'sha256:test',
  },
  catalogue,
});
process.stdout.write('worker ready\n');
await worker.run();
commands.close();
await connection.close();
await pool.end();
