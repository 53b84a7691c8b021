import { inspect } from 'node:util';
import {
  DefaultLogger,
  LogTimestamp,
  type LogEntry,
  type LogLevel,
  type LogMetadata,
} from '@temporalio/worker';
import { visible } from '../common/visible.js';

/** Metadata of an entry that says where it happened. */
const places = ['workflowId', 'activityId', 'activityType', 'attempt', 'taskQueue'] as const;
const maxLine = 2_000;

/**
 * The worker's log: one line for each entry, for people, without stack traces. Messages of failed
 * steps were already redacted. Warnings that a queue has no workflows or no activities are left
 * out: some of ours have only one of the two.
 */
export class WorkerLogger extends DefaultLogger {
  constructor(level: LogLevel, write: (line: string) => void = toStderr) {
    super(level, (entry) => write(lineOf(entry)));
  }

  override log(level: LogLevel, message: string, meta?: LogMetadata): void {
    if (!/ registered, not polling for /.test(message)) super.log(level, message, meta);
  }
}

/** An entry in one line. */
export function lineOf({ level, timestampNanos, message, meta = {} }: LogEntry): string {
  const at = new Date(Number(timestampNanos / 1_000_000n)).toISOString();
  const { error, [LogTimestamp]: _at, ...rest } = meta as Record<string | symbol, unknown>;
  const failed = error === undefined ? '' : `: ${wordsOf(error)}`;
  const known = rest as Record<string, string | number | undefined>;
  const where = places.flatMap((name) =>
    known[name] === undefined ? [] : [`${name}=${known[name]}`],
  );
  const text = `${message}${failed}${where.length > 0 ? ` (${where.join(', ')})` : ''}`;
  return `${at} [${level}] ${harmless(text)}`;
}

function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return inspect(error, { breakLength: Infinity });
  const { type } = error as Error & { type?: unknown };
  return `${typeof type === 'string' ? type : error.name}: ${error.message}`;
}

/** A log is read in terminals, line by line. */
function harmless(text: string): string {
  return visible(text.slice(0, maxLine)).replace(/\s+/g, ' ').trim();
}

function toStderr(line: string): void {
  process.stderr.write(`${line}\n`);
}
