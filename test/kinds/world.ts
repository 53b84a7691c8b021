import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AttemptFiles } from '../../activities/attempt-files.js';
import { AttemptPrograms } from '../../activities/attempt-programs.js';
import { Commands } from '../../activities/commands.js';
import { StepFailure } from '../../activities/failure.js';
import type { AttemptContext } from '../../activities/handler.js';
import { lostLease } from '../../activities/lease.js';
import { Programs } from '../../activities/programs.js';
import { Secrets } from '../../activities/secrets.js';
import { Targets } from '../../activities/targets.js';
import type { Json, JsonObject } from '../../language/json.js';

/** What a kind's handler sees of the world: real declaration files in a folder of their own. */
export class World {
  readonly folder = mkdtempSync(join(tmpdir(), 'kinds-'));
  readonly targetsFile = join(this.folder, 'targets.yaml');
  readonly secretsFile = join(this.folder, 'secrets.yaml');

  readonly commands = new Commands(join(this.folder, 'journals'));
  private contexts = 0;

  constructor(targets: JsonObject, secrets: JsonObject = {}) {
    // JSON is YAML.
    writeFileSync(this.targetsFile, JSON.stringify({ targets }));
    writeFileSync(this.secretsFile, JSON.stringify({ secrets }));
  }

  /** A secret whose value lies in a file; returns its declaration. */
  secret(name: string, value: string): string {
    writeFileSync(join(this.folder, name), value);
    return `file:${name}`;
  }

  context(changes: Partial<AttemptContext> = {}): Recorded {
    const printed: Buffer[] = [];
    const progress: JsonObject[] = [];
    const evidence: Json[] = [];
    return {
      run: 'run-1',
      firstRunId: String((this.contexts += 1)),
      commands: this.commands,
      fence: 1,
      resumedFrom: null,
      evidence: null,
      keepEvidence: (kept) => {
        evidence.push(kept);
        return Promise.resolve(true);
      },
      evidenceKept: evidence,
      step: 'step-1',
      key: 'run-1/step-1',
      effect: 'change',
      attempt: 1,
      timeoutMs: 20_000,
      signal: new AbortController().signal,
      targets: Targets.load(this.targetsFile),
      programs: new AttemptPrograms(new Programs()),
      files: new AttemptFiles([], () => Promise.resolve(new Map())),
      secrets: Secrets.load(this.secretsFile).forAttempt(),
      output: (_stream, chunk) => void printed.push(Buffer.from(chunk)),
      progress: (details) => void progress.push(details),
      printed: () => Buffer.concat(printed),
      shown: progress,
      ...changes,
    };
  }

  remove(): void {
    this.commands.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export interface Recorded extends AttemptContext {
  printed(): Buffer;
  shown: JsonObject[];
  evidenceKept: Json[];
}

export interface Received {
  method: string;
  url: string;
  headers: IncomingMessage['headers'];
  body: string;
}

/** A real HTTP server on a free port that keeps what it was asked. */
export class Service {
  readonly received: Received[] = [];
  private readonly server: Server;

  private constructor(private answer: (request: Received, response: ServerResponse) => void) {
    this.server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const { method = '', url = '', headers } = request;
        const received = { method, url, headers, body: Buffer.concat(chunks).toString() };
        this.received.push(received);
        this.answer(received, response);
      });
    });
  }

  static async start(
    answer: (request: Received, response: ServerResponse) => void = (_, response) =>
      json(response, 200, {}),
  ) {
    const service = new Service(answer);
    await new Promise<void>((listening) => service.server.listen(0, '127.0.0.1', listening));
    return service;
  }

  get address(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  answerWith(answer: (request: Received, response: ServerResponse) => void): void {
    this.received.length = 0;
    this.answer = answer;
  }

  connections(): Promise<number> {
    return new Promise((told, failed) =>
      this.server.getConnections((error, count) => (error ? failed(error) : told(count))),
    );
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((closed) => this.server.close(closed));
  }
}

export function json(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}

/** The failure of an attempt that has to fail. */
export async function failureOf(attempt: Promise<unknown>): Promise<StepFailure> {
  const ended = await attempt.then(
    (output) => new Error(`it did not fail but answered ${JSON.stringify(output)?.slice(0, 300)}`),
    (error: unknown) => error,
  );
  if (ended instanceof StepFailure) return ended;
  throw ended;
}

/** What shells, databases and web servers are tempted to read as more than text. */
export const hostile = [
  '$(touch PWNED)',
  '`touch PWNED`',
  '; touch PWNED',
  '| touch PWNED',
  '&& touch PWNED #',
  '> PWNED',
  "'; DROP TABLE t; --",
  '" OR "1"="1',
  '%0d%0aX-Injected: yes',
  'line\nbreak\r\nX-Injected: yes',
  '${IFS}$HOME*?[a]{b,c}~!',
  '\\x41 \\ \t é 漢 😀 <script>&amp;',
];

/** What an attempt is told whose run has lost a target since it began. */
export function refusing(): never {
  const by = {
    run: 'run-2',
    requester: 'ann',
    at: '2026-03-01T02:00:00.000Z',
    takenBy: 'bob',
    reason: 'it hangs',
    ended: false,
  };
  throw lostLease({ target: 'api', closed: false, by }, true);
}
