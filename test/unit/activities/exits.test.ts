import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { ApplicationFailure } from '@temporalio/activity';
import { Excerpt } from '../../../activities/excerpt.js';
import { Exit } from '../../../activities/exit.js';
import { StepFailure } from '../../../activities/failure.js';
import { OutputCollector } from '../../../activities/output-collector.js';
import { Redactor } from '../../../activities/redact.js';
import type { OutputChunk } from '../../../store/index.js';
import { lineOf } from '../../../worker/log.js';
import { headline } from '../../../worker/teller/sections.js';
import { slackBody } from '../../../worker/teller/slack.js';
import { textOf } from '../../../worker/teller/text.js';
import { messageWith } from '../../helpers/message.js';

const canary = 'kL3$mN8/pQ2+rS7 tU5"vW9&xY4é';
const bytes = Buffer.from(canary);
const forms = [
  canary,
  encodeURIComponent(canary),
  new URLSearchParams({ a: canary }).toString().slice(2),
  JSON.stringify(canary).slice(1, -1),
  bytes.toString('hex'),
  ...['', 'u:', 'ab:'].map((user) => Buffer.from(`${user}${canary}`).toString('base64')),
];

/** Every way out of an attempt: what the others see of a text that the attempt met. */
const exits: Record<string, (exit: Exit, redactor: Redactor, text: string) => unknown> = {
  output: (exit, _, text) => exit.output({ stdout: text, [text]: [text] }),
  'output chunks': async (_, redactor, text) => {
    const shipped: OutputChunk[] = [];
    const collector = new OutputCollector(
      (chunks) => Promise.resolve(void shipped.push(...chunks)),
      redactor,
    );
    const printed = Buffer.from(text);
    for (let from = 0; from < printed.length; from += 7)
      collector.write('stdout', printed.subarray(from, from + 7));
    await collector.close();
    return Buffer.concat(shipped.map((chunk) => chunk.bytes)).toString();
  },
  'excerpt of output': (exit, _, text) => {
    const excerpt = new Excerpt();
    // The secret lies where the excerpt is cut.
    excerpt.take(Buffer.from(`${'x'.repeat(12 * 1024 - 20)}${text}${'y'.repeat(300_000)}`));
    excerpt.take(Buffer.from(`${text}${'z'.repeat(12 * 1024 - 20)}`));
    return excerpt.shorten(exit.text(excerpt.whole().text));
  },
  'message of a failure': (exit, _, text) => exit.problem(new StepFailure('CommandFailed', text)),
  'next of a failure': (exit, _, text) =>
    exit.problem(new StepFailure('CommandFailed', 'x', { next: text })),
  'details of a failure': (exit, _, text) =>
    exit.details(new StepFailure('CommandFailed', 'x', { details: { text } })),
  'unexpected error of a handler': (exit, _, text) => exit.problem(new Error(text)),
  'error around a step': (exit, _, text) => (exit.error(new Error(text)) as Error).message,
  'progress and heartbeat': (exit, _, text) => exit.progress({ trouble: text }),
  'message that is sent': (exit, _, text) => exit.outgoing({ text, fields: { [text]: [text] } }),
  'message about what a run waits for': (exit, _, text) => {
    const message = exit.outgoing(messageWith(text));
    return [textOf(message), JSON.stringify(slackBody(message)), headline(message)];
  },
  'evidence in the record': (exit, _, text) => exit.evidence({ xid: '1', output: { row: text } }),
  'beginning of what was said': (exit, _, text) => exit.quote(`${'x'.repeat(270)}${text}`),
  'end of what was said': (exit, _, text) => exit.quote(`${text}${'x'.repeat(270)}`, 'end'),
  'log of the worker': (exit, _, text) => {
    const { type, message } = exit.problem(new StepFailure('CommandFailed', text));
    const error = ApplicationFailure.create({ type, message });
    return lineOf({
      level: 'WARN',
      timestampNanos: 0n,
      message: 'Activity failed',
      meta: { error },
    });
  },
};

/** Pieces of the text's secret that came out, each of them long enough to be of use. */
async function leaks(redactor: Redactor): Promise<string[]> {
  const exit = new Exit(redactor);
  const found: string[] = [];
  for (const [name, leave] of Object.entries(exits)) {
    for (const form of forms) {
      const out = await leave(exit, redactor, form);
      const text = typeof out === 'string' ? out : JSON.stringify(out);
      const inJson = JSON.stringify(form).slice(1, -1);
      for (const whole of new Set([form, inJson])) {
        const pieces = Array.from({ length: Math.max(0, whole.length - 16) }, (_, at) =>
          whole.slice(at + 4, at + 12),
        );
        if (pieces.some((piece) => text.includes(piece))) found.push(`${name}: ${form}`);
      }
    }
  }
  return found;
}

test('a canary leaves by no exit in any encoding; without its guard by every one', async () => {
  const knowing = new Redactor();
  knowing.add('canary', canary);
  const guarded = await leaks(knowing);
  const open = await leaks(new Redactor());
  process.stderr.write(
    `${Object.keys(exits).length} exits, ${forms.length} encodings: ${guarded.length} leaks; guard off: ${open.length}\n`,
  );
  expect(guarded).toEqual([]);
  for (const name of Object.keys(exits))
    expect(open.some((leak) => leak.startsWith(`${name}:`))).toBe(true);
});

test('a text that is cut before it is redacted leaks', () => {
  const knowing = new Redactor();
  knowing.add('canary', canary);
  const text = `${'x'.repeat(290)}${canary}`;
  const cutFirst = knowing.text(text.slice(0, 300));
  const cutAfter = new Exit(knowing).quote(text);
  process.stderr.write(`cut first: ${cutFirst.slice(290)}; cut after: ${cutAfter.slice(290)}\n`);
  expect(cutFirst).toContain(canary.slice(0, 10));
  expect(cutAfter).not.toContain(canary.slice(0, 4));
});

test('a failed step is one line in the log, whatever it says', () => {
  const error = ApplicationFailure.create({ type: 'CommandFailed', message: 'one\ntwo\u001b[2J' });
  const meta = { error, activityId: 'a/b', workflowId: 'run-1', durationMs: 3 };
  const line = lineOf({ level: 'WARN', timestampNanos: 0n, message: 'Activity failed', meta });
  expect(line).toBe(
    '1970-01-01T00:00:00.000Z [WARN] Activity failed: CommandFailed: one two\\u001b[2J (workflowId=run-1, activityId=a/b)',
  );
});

/** Files that cut text which no secret can be in, and what they cut. */
const allowed: Record<string, string> = {
  'exit.ts': 'the exit itself',
  'output-cap.ts': 'what the exit shortens with',
  'redact.ts': 'the redactor',
  'secret-forms.ts': 'the redactor',
  'judge.ts': 'decisions of people',
  'commands.ts': 'digests',
  'sql-outcome.ts': 'names of sessions',
  'parse-output.ts': 'columns of a row, of redacted text',
  'delivery/traffic/caddy.ts': 'names of slots',
  'delivery/traffic/haproxy.ts': 'a header that is parsed',
  'delivery/kubernetes/deployment.ts': 'a time',
  'target-environment.ts': 'the name of a database, in its address',
};

test('handlers cut no text: the exit does, after it was redacted', () => {
  const folder = join(process.cwd(), 'activities');
  const cutting = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
    (file) =>
      file.endsWith('.ts') &&
      !(file in allowed) &&
      /\.(slice|substring|substr)\(-?[\d_]+(, ?-?[\d_]+)?\)|\.(slice|substring)\(0, (?!maxNamed|end|mostRows|entries)/.test(
        readFileSync(join(folder, file), 'utf8'),
      ),
  );
  expect(cutting).toEqual([]);
});
