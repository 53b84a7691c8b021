import { PassThrough } from 'node:stream';
import type { Io } from '../../../client/io.js';

export interface RecordedIo extends Io {
  out(): string;
  err(): string;
}

/** An Io whose output can be read back; nobody at the keyboard unless said. */
export function recordedIo(change: Partial<Io> = {}): RecordedIo {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const chunks = { stdout: '', stderr: '' };
  stdout.on('data', (chunk: Buffer) => (chunks.stdout += chunk.toString('utf8')));
  stderr.on('data', (chunk: Buffer) => (chunks.stderr += chunk.toString('utf8')));
  return {
    stdout,
    stderr,
    stdin: new PassThrough(),
    env: { RUNBOOK_COMMAND: 'runbook', RUNBOOK_HOME: '/nonexistent' },
    isTTY: false,
    canAsk: false,
    columns: Infinity,
    exitCode: 0,
    interrupted: () => new AbortController().signal,
    ...change,
    out: () => chunks.stdout,
    err: () => chunks.stderr,
  };
}
