import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { SMTPServer } from 'smtp-server';
import { startOf } from '../../activities/process-tree.js';
import type { JsonObject } from '../../language/json.js';
import { failingChannels } from '../../store/index.js';
import { certificateFor } from '../helpers/certificate.js';
import { hostileTexts } from '../helpers/hostile.js';
import { until } from '../../lab/until.js';
import { Service } from '../kinds/world.js';
import { TellWorld } from './world.js';

let world: TellWorld;
beforeAll(async () => {
  world = await TellWorld.start();
}, 60_000);
afterEach(async () => {
  await world.quiet();
  await world.pool.query('TRUNCATE runbook.runs CASCADE');
});
afterAll(() => world?.stop());

const channel = (how: JsonObject): JsonObject => ({ kind: 'channel', environment: 'test', ...how });

/** A secret in a file. */
function secret(name: string, value: string): JsonObject {
  writeFileSync(join(world.folder, name), value);
  return { from: `file:${name}`, targets: ['oncall'] };
}

async function failure(): Promise<string> {
  const [failing] = await until('the channel to fail', async () => {
    const found = await failingChannels(world.pool);
    return found.length > 0 && found;
  });
  return failing?.error ?? '';
}

interface Mail {
  headers: Record<string, string>;
  body: string;
  to: string[];
  user: string;
  secure: boolean;
}

describe('mail', () => {
  const certificate = certificateFor('mail', 'localhost');
  const mails: Mail[] = [];
  let server: SMTPServer;
  let refuse: { message: string; responseCode: number } | undefined;

  beforeAll(async () => {
    server = new SMTPServer({
      key: certificate.key,
      cert: certificate.cert,
      onAuth: ({ username, password }, _session, done) =>
        password === 'sesame' ? done(null, { user: username }) : done(new Error('wrong password')),
      authOptional: true,
      onData(stream, session, done) {
        const chunks: Buffer[] = [];
        stream.on('data', (chunk: Buffer) => chunks.push(chunk));
        stream.on('end', () => {
          if (refuse) return done(Object.assign(new Error(refuse.message), refuse));
          mails.push(parsed(Buffer.concat(chunks).toString(), session));
          return done();
        });
      },
    });
    server.listen(0, '127.0.0.1');
    await once(server.server, 'listening');
    await writeFile(join(world.folder, 'ca.pem'), certificate.cert);
  });
  afterAll(() => new Promise<void>((closed) => server.close(closed)));
  afterEach(() => {
    mails.length = 0;
    refuse = undefined;
  });

  const address = (user: string): string =>
    `smtp://${user}localhost:${(server.server.address() as AddressInfo).port}`;
  const email = (how: JsonObject = {}): JsonObject =>
    channel({
      email: {
        ...{
          server: address('runbook@'),
          password: 'mail-password',
          ca: join(world.folder, 'ca.pem'),
        },
        ...{ from: 'runbook@example.net', to: ['ada@example.net', 'bob@example.net'], ...how },
      },
    });

  const arrived = (count: number) =>
    until(`${count} mails`, () => Promise.resolve(mails.length >= count && mails));

  test('one to all addresses, encrypted, with an id of its own; later ones in the same thread', async () => {
    await world.declare({ oncall: email() }, { 'mail-password': secret('mail', 'sesame') });
    const key = await world.waits();
    world.tell({ notify: ['oncall'] });
    await arrived(1);
    await world.decides(key);
    const [asked, over] = await arrived(2);
    expect(asked).toMatchObject({
      to: ['ada@example.net', 'bob@example.net'],
      user: 'runbook',
      secure: true,
      headers: {
        subject: 'Needed: Recover a pipeline: Approve the recovery',
        'auto-submitted': 'auto-generated',
        'x-runbook-run': key.run,
      },
    });
    expect(asked?.headers['message-id']).toMatch(/^<[0-9a-f-]{36}@example\.net>$/);
    expect(asked?.body).toContain(`runbook approve ${key.run} approve --digest sha256:`);
    expect(over?.headers).toMatchObject({
      'in-reply-to': asked?.headers['message-id'],
      references: asked?.headers['message-id'],
      subject: 'Over: Recover a pipeline: Approve the recovery (approved by bob)',
    });
  });

  test('hostile text makes no header and no other recipient', async () => {
    await world.declare({ oncall: email() }, { 'mail-password': secret('mail', 'sesame') });
    const evil = 'x\r\nBcc: eve@example.net\r\n\r\nother body';
    for (const text of [evil, ...hostileTexts])
      await world.waits({ title: text, who: text, evidence: { [text]: text } }, { reason: text });
    world.tell({ notify: ['oncall'] });
    const all = await arrived(1 + hostileTexts.length);
    for (const { headers, to, body } of all) {
      expect(Object.keys(headers)).not.toContain('bcc');
      expect(to).toEqual(['ada@example.net', 'bob@example.net']);
      expect(body).not.toMatch(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u202e]/);
    }
  }, 30_000);

  test('a refusal is told in the words of the server, and the password is not', async () => {
    await world.declare({ oncall: email() }, { 'mail-password': secret('mail', 'sesame') });
    refuse = { message: 'no room for sesame', responseCode: 452 };
    await world.waits();
    world.tell({ notify: ['oncall'] });
    expect(await failure()).toBe(
      'the mail server did not take it (EMESSAGE): 452 no room for [secret mail-password]',
    );
    refuse = undefined;
    const [mail] = await arrived(1);
    expect(mail?.headers['subject']).not.toContain('Again');
  });

  test('no login without encryption; a wrong password; an unknown authority', async () => {
    const secrets = { 'mail-password': secret('mail', 'wrong') };
    const told = async (how: JsonObject): Promise<string> => {
      await world.pool.query('TRUNCATE runbook.runs CASCADE');
      await world.declare({ oncall: email(how) }, secrets);
      await world.waits();
      world.tell({ notify: ['oncall'] });
      const said = await failure();
      await world.quiet();
      return said;
    };
    expect(await told({})).toContain('(EAUTH)');
    expect(await told({ ca: undefined as never })).toMatch(/\((ETLS|ESOCKET)\)/);
    expect(mails).toEqual([]);
  });
});

function parsed(
  text: string,
  session: { envelope: { rcptTo: { address: string }[] }; user?: string; secure: boolean },
): Mail {
  const [head = '', ...rest] = text.split('\r\n\r\n');
  const lines = head.replaceAll(/\r\n[ \t]+/g, ' ').split('\r\n');
  const headers = Object.fromEntries(
    lines.map((line) => [
      line.slice(0, line.indexOf(':')).toLowerCase(),
      line.slice(line.indexOf(':') + 2),
    ]),
  );
  const soft = rest.join('\r\n\r\n').replaceAll('=\r\n', '');
  const body =
    headers['content-transfer-encoding'] === 'quoted-printable'
      ? decodeURIComponent(soft.replaceAll('%', '%25').replaceAll(/=([0-9A-F]{2})/g, '%$1'))
      : headers['content-transfer-encoding'] === 'base64'
        ? Buffer.from(soft, 'base64').toString()
        : soft;
  const to = session.envelope.rcptTo.map(({ address }) => address);
  return { headers, body, to, user: session.user ?? '', secure: session.secure };
}

describe('Slack', () => {
  test('blocks with the same content; its address is a secret and stands nowhere', async () => {
    const service = await Service.start((_request, response) => response.end('ok'));
    try {
      const url = `${service.address}/services/T0/B0/kL3mN8pQ2rS7`;
      await world.declare(
        { oncall: channel({ slack: { webhook: 'slack-url' } }) },
        { 'slack-url': secret('slack', url) },
      );
      const key = await world.waits(
        { evidence: { said: `posting to ${url}` } },
        { reason: '<!channel> & co' },
      );
      world.tell({ notify: ['oncall'] });
      const [received] = await until('a post', () =>
        Promise.resolve(service.received.length > 0 && service.received),
      );
      expect(received?.url).toBe('/services/T0/B0/kL3mN8pQ2rS7');
      expect(received?.body).not.toContain('kL3mN8pQ2rS7');
      expect(received?.body).toContain('[secret slack-url]');
      const body = JSON.parse(received?.body ?? '') as { text: string; blocks: { type: string }[] };
      expect(body.blocks.map(({ type }) => type)).toEqual([
        'header',
        ...Array.from({ length: body.blocks.length - 1 }, () => 'rich_text'),
      ]);
      expect(received?.body).toContain(`runbook approve ${key.run} approve --digest`);

      service.answerWith((_request, response) => response.writeHead(404).end('no_service'));
      await world.waits();
      expect(await failure()).toBe('it answered 404');
    } finally {
      await world.quiet();
      await service.stop();
    }
  });
});

describe('a program', () => {
  const script = async (text: string): Promise<string> => {
    const file = join(world.folder, `script-${Math.random()}`);
    await writeFile(file, `#!/bin/sh\n${text}\n`);
    await chmod(file, 0o755);
    return file;
  };
  const declare = (argv: string[]): Promise<void> =>
    world.declare(
      { oncall: channel({ command: { argv, env: { TOKEN: 'pager-token' } } }) },
      { 'pager-token': secret('pager', 'open-sesame') },
    );

  test('gets the message as its input and its secrets in its environment, and nothing reads it as code', async () => {
    const out = join(world.folder, 'out');
    await declare([
      await script('cat > "$1"; env > "$1.env"; echo "$2" > "$1.arg"'),
      out,
      '$(id) `id`; id',
    ]);
    const key = await world.waits({}, { reason: '$(touch PWNED)' });
    process.env['RUNBOOK_DATABASE_URL_OF_TEST'] = 'postgres://secret';
    world.tell({ notify: ['oncall'] });
    await until('the program', () => readFile(`${out}.arg`, 'utf8').catch(() => ''));
    const message = JSON.parse(await readFile(out, 'utf8')) as JsonObject;
    expect(message).toMatchObject({ run: key.run, reason: '$(touch PWNED)', what: 'asked' });
    const env = await readFile(`${out}.env`, 'utf8');
    expect(env).toContain('TOKEN=open-sesame');
    expect(env).toContain(`RUNBOOK_MESSAGE=${message['id'] as string}`);
    expect(env).not.toContain('postgres://secret');
    expect(await readFile(`${out}.arg`, 'utf8')).toBe('$(id) `id`; id\n');
  });

  test('that fails is quoted without its secret; one that hangs is ended with all that it started', async () => {
    const pids = join(world.folder, 'pids');
    await declare([await script('echo "no route for $TOKEN" >&2; exit 3')]);
    await world.waits();
    world.tell({ notify: ['oncall'] });
    expect(await failure()).toBe('it ended with 3: no route for [secret pager-token]');
    await world.quiet();
    await world.pool.query('TRUNCATE runbook.runs CASCADE');

    await declare([await script(`sleep infinity & echo $! > ${pids}; wait`)]);
    await world.waits();
    world.tell({ notify: ['oncall'], timeoutMs: 500 });
    expect(await failure()).toBe('it did not end in time');
    const pid = Number(await readFile(pids, 'utf8'));
    expect(startOf(pid)).toBeUndefined();
  }, 30_000);

  test('that is not there', async () => {
    await declare(['/no/such/program']);
    await world.waits();
    world.tell({ notify: ['oncall'] });
    expect(await failure()).toBe('it cannot be started (ENOENT)');
  });
});
