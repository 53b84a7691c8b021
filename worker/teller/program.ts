import { spawn } from 'node:child_process';
import { inheritedEnvironment } from '../../activities/inherited-environment.js';
import { endTree, startOf } from '../../activities/process-tree.js';
import { NotSent } from './not-sent.js';

/** Of what it writes to stderr, in bytes; only its end is quoted. */
const mostKept = 64 * 1024;
const endGraceMs = 1_000;

export interface ProgramRequest {
  argv: readonly string[];
  /** Beside what it inherits. */
  env: Record<string, string>;
  /** Its input. */
  body: string;
  /** Id of the message. */
  id: string;
  /** Shortens what it said, for people. */
  quote: (text: string) => string;
  signal: AbortSignal;
}

/**
 * Runs a program that tells people, without a shell: the message is its input. What it exits with
 * says whether it did. When time is up, it is ended with all that it started.
 * @throws NotSent
 */
export async function runProgram(request: ProgramRequest): Promise<void> {
  const { argv, env, body, id, quote, signal } = request;
  const [program = '', ...args] = argv;
  const child = spawn(program, args, {
    env: { ...inheritedEnvironment(), ...env, RUNBOOK_MESSAGE: id, RUNBOOK_CLAIM: id },
    stdio: ['pipe', 'ignore', 'pipe'],
    detached: true,
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-mostKept);
  });
  // It may end without reading its input.
  child.stdin.on('error', () => undefined);
  child.stdin.end(body);
  const ended = new Promise<number | null>((done, failed) => {
    child.once('error', (error: NodeJS.ErrnoException) =>
      failed(new NotSent(`it cannot be started (${error.code ?? 'unknown'})`, false)),
    );
    child.once('close', (code) => done(code));
  });
  const late = aborted(signal);
  const code = await Promise.race([ended, late.then(() => 'late' as const)]);
  if (code === 0) return;
  if (code === 'late') {
    const pid = child.pid ?? -1;
    const started = startOf(pid);
    if (started !== undefined) await endTree({ pid, started, mark: id }, endGraceMs);
    throw new NotSent('it did not end in time', true);
  }
  const why = quote(said);
  throw new NotSent(`it ended with ${code ?? 'a signal'}${why === '' ? '' : `: ${why}`}`, true);
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    if (signal.aborted) done();
    else signal.addEventListener('abort', () => done(), { once: true });
  });
}
