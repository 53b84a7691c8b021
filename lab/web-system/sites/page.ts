import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { whenOwnerEnds } from '../app/owner.js';

/*
 * The maintenance page that the entrance shows while no site serves users: node page.js PORT OWNER.
 * Prints `page ready http://…`.
 */
const [port = '0', owner] = process.argv.slice(2);
const retryAfterSeconds = 5;
const text = `<!doctype html>
<html lang="en">
<meta charset="utf-8" />
<title>Maintenance</title>
<h1>We will be back soon</h1>
<p>The service is being moved to another site. Nothing that was confirmed is asked for again; please try again in a moment.</p>
</html>
`;

const server = createServer((request, response) => {
  if (request.url === '/health' || request.url === '/ready') {
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"status":"up"}');
    return;
  }
  const headers = {
    'content-type': 'text/html; charset=utf-8',
    'retry-after': String(retryAfterSeconds),
    'cache-control': 'no-store',
  };
  response.writeHead(503, headers).end(text);
});
server.keepAliveTimeout = 75_000;
whenOwnerEnds(owner, () => process.exit(0));
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => process.exit(0));
server.listen(Number(port), '127.0.0.1', () => {
  process.stdout.write(`page ready http://127.0.0.1:${(server.address() as AddressInfo).port}\n`);
});
