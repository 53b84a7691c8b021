import { readFileSync } from 'node:fs';
import { openPool } from '../../store/index.js';
import { readConfig } from '../../worker/config.js';
import { createWorker } from '../../worker/create.js';
import { dieAtPoints, standStillAfterClaim } from './fail-points.js';
import { withoutClaims, withoutFence, withoutProof } from './guards-off.js';
import { chaosCatalogue } from './specs.js';
import { traceWrites } from './trace.js';

/*
 * The shipped worker with the procedures of the chaos tests, as a process that can be killed, or
 * kills itself.
 *   CHAOS_POINTS  folder of the deaths at named points
 *   CHAOS_STILL   set: it stands still behind its first claim, until it is woken
 *   CHAOS_TRACE   file that tells what became of its writes about claims
 *   CHAOS_OFF     a guard that is switched off: `claims`, `fence`, `proof` or `border`
 */
const { TEST_BUNDLE = '', CHAOS_POINTS, CHAOS_STILL, CHAOS_TRACE, CHAOS_OFF } = process.env;
if (CHAOS_OFF === 'claims') withoutClaims();
if (CHAOS_OFF === 'fence') withoutFence();
if (CHAOS_OFF === 'proof') withoutProof();
if (CHAOS_POINTS) dieAtPoints(CHAOS_POINTS);
if (CHAOS_STILL) standStillAfterClaim();
if (CHAOS_TRACE) traceWrites(CHAOS_TRACE);

const config = readConfig(process.env);
// Room for steps that stand still with a connection in their hands.
const pool = openPool(config.databaseUrl, { max: 60 });
const { worker, connection, commands } = await createWorker(config, pool, {
  bundle: { code: readFileSync(TEST_BUNDLE, 'utf8'), procedure: 'sha256:test' },
  catalogue: chaosCatalogue,
  ...(CHAOS_OFF === 'border' ? { border: { events: 1e9, bytes: 1e12, signals: 1e9 } } : {}),
});
process.stdout.write('worker ready\n');
await worker.run();
commands.close();
await connection.close();
await pool.end();
