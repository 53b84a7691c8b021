import { createHash } from 'node:crypto';
import { execa } from 'execa';
import type { JsonObject } from '../language/json.js';
import type { CommandAction } from '../language/runbook.js';
import { StepFailure } from './failure.js';
import type { AttemptContext, Handler } from './handler.js';
import { endGroup } from './process-tree.js';

/** Kept of each stream for the output, in bytes: beginning and end. */
const keptHead = 12 * 1024;
const keptTail = 12 * 1024;
/** All that a command gets of the worker's environment; secrets of other steps are not in it. */
const inherited = ['PATH', 'HOME', 'LANG', 'LC_ALL', 'TMPDIR', 'TZ', 'USER', 'SHELL'];

/**
 * Runs a program: its arguments as they are, no shell, a process group of its own, no input. On abort the whole group is
 * ended before this returns.
 */
export const command: Handler<'command'> = async (action, context) => {
  const env = await environment(action, context);
  const stdout = new Excerpt();
  const stderr = new Excerpt();
  const [program = '', ...args] = action.argv;
  const child = execa(program, args, {
    env,
    extendEnv: false,
    detached: true,
    stdin: 'ignore',
    buffer: false,
    reject: false,
    cleanup: false,
    ...(action.cwd === undefined ? {} : { cwd: action.cwd }),
  });
  child.stdout.on('data', (chunk: Buffer) => {
    stdout.take(chunk);
    context.output('stdout', chunk);
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr.take(chunk);
    context.output('stderr', chunk);
  });

  let ending: Promise<void> | undefined;
  const end = (): void => {
    if (child.pid !== undefined) ending ??= endGroup(child.pid);
  };
  if (context.signal.aborted) end();
  context.signal.addEventListener('abort', end);
  try {
    const result = await child;
    if (context.signal.aborted) {
      await ending;
      throw context.signal.reason;
    }
    if (result.code === 'ENOENT' || result.code === 'EACCES') {
      const what = result.code === 'ENOENT' ? 'does not exist' : 'may not be run';
      throw new StepFailure('CommandMissing', `${program} ${what} on ${context.run === '' ? 'this host' : 'the worker'}`, {
        next: `Install it where the workers run, or correct the step.`,
      });
    }
    const output: JsonObject = {
      exitCode: result.exitCode ?? null,
      signal: result.signal ?? null,
      stdout: stdout.text(),
      stderr: stderr.text(),
      truncated: stdout.truncated || stderr.truncated,
      bytes: { stdout: stdout.bytes, stderr: stderr.bytes },
      sha256: { stdout: stdout.digest(), stderr: stderr.digest() },
    };
    if (result.exitCode !== undefined && (action.exitCodes ?? [0]).includes(result.exitCode)) return output;
    const how = result.signal ? `was ended by ${result.signal}` : `ended with exit code ${result.exitCode ?? 'unknown'}`;
    const tail = (stderr.text().trim() || stdout.text().trim()).split('\n').slice(-3).join(' ').slice(-300);
    throw new StepFailure('CommandFailed', `${program} ${how}${tail ? `: ${tail}` : ''}`, {
      next: 'Read its whole output with: runbook logs',
      details: { exitCode: output['exitCode'] ?? null, signal: output['signal'] ?? null },
    });
  } finally {
    context.signal.removeEventListener('abort', end);
  }
};

async function environment(action: CommandAction, context: AttemptContext): Promise<Record<string, string>> {
  const env: Record<string, string> = { RUNBOOK_RUN: context.run, RUNBOOK_STEP: context.step };
  for (const name of inherited) {
    const value = process.env[name];
    if (value !== undefined) env[name] = value;
  }
  for (const [name, value] of Object.entries(action.env ?? {})) {
    if (typeof value === 'string') env[name] = value;
    else if (action.target !== undefined) env[name] = await context.secrets.resolve(value.secret, action.target);
    else
      throw new StepFailure('Configuration', `secret ${value.secret} is given to a command that names no target`, {
        next: 'Name the target that the command acts on.',
      });
  }
  return env;
}

/** Beginning and end of a stream, with size and digest of the whole. */
class Excerpt {
  bytes = 0;
  private readonly hash = createHash('sha256');
  private head = Buffer.alloc(0);
  private tail = Buffer.alloc(0);

  take(chunk: Buffer): void {
    this.bytes += chunk.length;
    this.hash.update(chunk);
    let rest = chunk;
    if (this.head.length < keptHead) {
      const room = keptHead - this.head.length;
      this.head = Buffer.concat([this.head, chunk.subarray(0, room)]);
      rest = chunk.subarray(room);
    }
    if (rest.length >= keptTail) this.tail = Buffer.from(rest.subarray(-keptTail));
    else if (rest.length > 0) this.tail = Buffer.concat([this.tail, rest]).subarray(-keptTail);
  }

  get truncated(): boolean {
    return this.bytes > this.head.length + this.tail.length;
  }

  text(): string {
    const left = this.bytes - this.head.length - this.tail.length;
    const middle = left > 0 ? `\n… ${left} bytes left out …\n` : '';
    return `${printable(this.head)}${middle}${printable(this.tail)}`;
  }

  digest(): string {
    return this.hash.digest('hex');
  }
}

/** Text of any bytes: what is no UTF-8 shows as U+FFFD, NUL (which no database text can hold) is left out. */
function printable(bytes: Buffer): string {
  return bytes.toString('utf8').replaceAll('\0', '');
}
