import { livesStill, whenOwnerEnds } from './app/owner.js';

/*
 * Ends a server that knows no owner and cannot be started by a guard, such as PostgreSQL, once its
 * owner has ended:
 *
 *   node after-owner.js OWNER SERVER        each as PID:START
 */
const [owner, server = ''] = process.argv.slice(2);
whenOwnerEnds(owner, () => {
  // PostgreSQL's fast shutdown.
  if (livesStill(server)) process.kill(Number(server.split(':')[0]), 'SIGINT');
  process.exit(0);
});
setInterval(() => {
  if (!livesStill(server)) process.exit(0);
}, 1_000);
