import { Secrets } from '../../activities/secrets.js';
import { Targets } from '../../activities/targets.js';
import { openPool } from '../../store/index.js';
import { readConfig } from '../../worker/config.js';
import { Teller } from '../../worker/teller/teller.js';
import { taskQueue } from '../tell/world.js';

/*
 * What a worker tells people with, and nothing else of it: a process that starts soon enough to be
 * killed often.
 */
const config = readConfig(process.env);
const teller = new Teller({
  pool: openPool(config.databaseUrl),
  targets: Targets.load(config.targetsFile),
  secrets: Secrets.load(config.secretsFile),
  catalogue: [],
  worker: config.identity,
  runs: { taskQueue, namespaceId: 'here' },
  where: null,
  command: config.command,
  uiUrl: config.uiUrl,
  namespace: 'default',
  notify: config.notify,
  everyMs: config.tellMs,
  timeoutMs: config.tellTimeoutMs,
  remindEveryMs: config.remindEveryMs,
  say: (line) => void process.stderr.write(`${line}\n`),
});
teller.start();
setInterval(() => undefined, 60_000);
process.stdout.write('worker ready\n');
