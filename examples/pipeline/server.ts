import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AddressInfo } from 'node:net';
import pg from 'pg';
import { readConfig } from './config.js';
import { answerOf, send } from './http.js';
import { Refused } from './refused.js';
import { Api } from './routes.js';
import { createSchema } from './schema.js';
import { Supervisor } from './supervisor.js';

/** How long open requests may take when the service ends. */
const closeMs = 2_000;

/*
 * The API process: prints one line when it is ready, ends on TERM or INT and stops its jobs. Killed, it leaves its jobs
 * running; the next one looks after them.
 */
async function main(): Promise<void> {
  const config = readConfig(process.env);
  const pool = new pg.Pool({ connectionString: config.databaseUrl, max: 8, application_name: `pipeline ${config.name}` });
  // An idle connection that the server ends is replaced by the next query.
  pool.on('error', () => undefined);
  await createSchema(pool);
  const supervisor = new Supervisor(pool, config.databaseUrl);
  await supervisor.adopt();
  const watching = supervisor.watch();

  const api = new Api(config, pool, supervisor);
  const server = createServer((request, response) => {
    api.answer(request).then(
      (answer) => send(response, answer),
      (error: unknown) => {
        if (!(error instanceof Refused)) process.stderr.write(`${request.method} ${request.url}: ${String(error)}\n`);
        send(response, answerOf(error));
      },
    );
  });
  await new Promise<void>((listening, failed) => {
    server.once('error', failed);
    server.listen(config.port, '127.0.0.1', listening);
  });
  process.stdout.write(`pipeline ready http://127.0.0.1:${(server.address() as AddressInfo).port}\n`);

  await new Promise<void>((asked) => {
    process.once('SIGTERM', () => asked());
    process.once('SIGINT', () => asked());
  });
  server.close();
  await supervisor.close();
  await Promise.race([watching, sleep(closeMs, undefined, { ref: false })]);
  server.closeAllConnections();
  await pool.end();
}

main().catch((error: unknown) => {
  process.stderr.write(`The pipeline service stopped: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
});
