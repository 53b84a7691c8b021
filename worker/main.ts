import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkSchema, migrate, openPool } from '../store/index.js';
import { commandName, ConfigError, readConfig } from './config.js';
import { installRuntime, serve } from './serve.js';

/**
 * Runs a worker until SIGTERM or SIGINT: reads its settings, brings the record's schema up to date,
 * polls. Prints `worker ready` once it takes work.
 * @returns the exit code
 */
export async function runWorker(env: NodeJS.ProcessEnv = process.env): Promise<number> {
  try {
    const config = readConfig(env);
    // SIGINT and SIGTERM are Runtime's own: it stops polling, lets steps end, and serve() returns.
    installRuntime(config, 'WARN');
    const pool = openPool(config.databaseUrl, {
      applicationName: `runbook worker ${config.identity}`,
      max: 10,
    });
    await migrate(pool);
    const schema = await checkSchema(pool);
    if (!schema.ok) throw new ConfigError(schema.message);
    await serve(config, pool);
    await pool.end();
    return 0;
  } catch (error) {
    process.stderr.write(`${explain(error, commandName(env))}\n`);
    return 1;
  }
}

function explain(error: unknown, command: string): string {
  if (error instanceof ConfigError) return error.message;
  const { name, message, code } = error as Error & { code?: string };
  if (name === 'TransportError' || /connect.*failed|transport error/i.test(message)) {
    return (
      'The worker cannot reach the Temporal server. Check TEMPORAL_ADDRESS, or start ' +
      `everything with: ${command} dev`
    );
  }
  if (code === 'ECONNREFUSED')
    return (
      'The worker cannot reach PostgreSQL. Check ' +
      `RUNBOOK_DATABASE_URL, or start everything with: ${command} dev`
    );
  return `The worker stopped: ${message}`;
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url))
  process.exitCode = await runWorker();
