import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { refusal, send } from './api.js';
import { whenOwnerEnds } from './owner.js';
import { thisRelease } from './release.js';

/*
 * The static part of a site: node frontend.js. Settings by environment: WEB_PORT, WEB_OWNER,
 * WEB_SITE. Prints `web ready http://…`.
 */
const env = process.env;
const release = thisRelease();
const page = `<!doctype html>
<html lang="en">
<meta charset="utf-8" />
<title>Shop</title>
<h1>Shop</h1>
<p>Release ${release.version}, site ${env['WEB_SITE'] ?? 'none'}.</p>
</html>
`;

const server = createServer((request, response) => {
  const { pathname } = new URL(request.url ?? '/', 'http://frontend');
  if (pathname === '/health' || pathname === '/ready')
    send(response, { status: 200, json: { status: 'up' } });
  else if (pathname === '/version')
    send(response, { status: 200, json: { version: release.version, pid: process.pid } });
  else if (pathname === '/')
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(page);
  else send(response, refusal(404, `there is no ${pathname}`));
});
for (const signal of ['SIGTERM', 'SIGINT'] as const)
  process.once(signal, () => {
    server.close(() => process.exit(0));
    server.closeAllConnections();
  });
whenOwnerEnds(env['WEB_OWNER'], () => process.exit(0));
server.listen(Number(env['WEB_PORT'] ?? 0), '127.0.0.1', () => {
  process.stdout.write(`web ready http://127.0.0.1:${(server.address() as AddressInfo).port}\n`);
});
