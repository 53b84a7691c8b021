import { isUtf8 } from 'node:buffer';
import { z } from 'zod';
import { jobStates, type Answers } from '../common/answers.js';
import { parseJson, type Json, type JsonObject } from '../language/json.js';
import { isObject } from '../language/objects.js';
import type { AnswerName } from '../language/kinds/command.js';
import { StepFailure } from './failure.js';
import { beginningOf } from '../common/visible.js';

/*
 * The answers of programs: the last line that they print, read whole, validated, and shortened for
 * history. Secrets are redacted before. Only what people alone read is shortened, and what is left
 * out is counted.
 */

/** A longer line is no answer, in bytes. */
const longestAnswer = 8 * 1024 * 1024;
/**
 * Limit of a kept answer, in bytes of JSON: it shares the space in history with the rest of a
 * step's output.
 */
const mostKept = 40 * 1024;
/** Limits of what only people read: entries of a list, and characters of each text. */
const first = 20;
const sentence = 300;
const paragraph = 2_000;

/** Stands for a text that held a secret: code finds no text there. */
const blankedText = z.strictObject({ blanked: z.string() }).transform(({ blanked }) => blanked);

/** A text that only people read: its beginning, never half of a surrogate pair. */
const shownText = (most: number) =>
  z
    .union([z.string(), blankedText])
    .transform((text) => (text.length <= most ? text : `${beginningOf(text, most)}…`));

/** What may be absent is null then. */
const orNull = <T extends z.ZodType>(schema: T) =>
  schema.nullish().transform((value) => value ?? null);

/** An explanation may be absent; what a decision depends on may not. */
const shownTextOrNull = (most: number) => orNull(shownText(most));

const textOrNull = orNull(z.string());

const lostFile = z.object({
  tenant: shownText(sentence),
  name: shownText(sentence),
  sha256: shownText(sentence),
});
const migrations = z.array(z.string());

const backups = z.object({
  backups: z.array(
    z.object({
      id: z.string(),
      takenAt: z.string(),
      bytes: z.number(),
      systemIdentifier: z.string(),
      good: z.boolean(),
      problem: shownTextOrNull(sentence),
    }),
  ),
  chosen: z.string().nullable(),
  wal: z.object({ missing: z.array(z.string()) }),
  reachable: z.object({ from: z.string(), to: z.string() }).nullable(),
  lost: shownTextOrNull(paragraph),
  files: z.object({ count: z.number(), problem: shownTextOrNull(paragraph) }),
  config: z.object({
    id: textOrNull,
    good: z.boolean(),
    problem: shownTextOrNull(paragraph),
  }),
  predicted: z.object({ restoreMs: z.number().nullable(), rpoMs: z.number().nullable() }),
});

const status = z.enum(jobStates);

function firstOf<T>(list: readonly T[]): T[] {
  return list.filter((_, at) => at < first);
}

/** What each answer must contain; anything else is dropped. */
const shapes: { [Name in AnswerName]: z.ZodType<Answers[Name]> } = {
  'site-look': z.object({
    site: z.string(),
    isolated: z.boolean(),
    exists: z.boolean(),
    database: z.enum(['absent', 'stopped', 'standby', 'primary']),
    epoch: z.number().nullable(),
    holder: z.string().nullable(),
    renewedAt: z.string().nullable(),
  }),
  'site-backups': backups.transform(({ backups: all, wal, ...rest }) => {
    const bad = all.filter(({ good, id }) => !good && id !== rest.chosen);
    return {
      ...rest,
      backups: [...all.filter(({ id }) => id === rest.chosen), ...firstOf(bad)],
      moreBad: Math.max(0, bad.length - first),
      wal: {
        missing: firstOf(wal.missing),
        moreMissing: Math.max(0, wal.missing.length - first),
      },
    };
  }),
  'site-drained': z.object({ lastCommit: z.string().nullable() }),
  'site-restored': z.object({
    backup: z.string(),
    systemIdentifier: z.string(),
    recoveredTo: z.object({ lsn: z.string(), time: z.string().nullable() }),
    lastCommit: z.string().nullable(),
  }),
  'site-files': z
    .object({ restored: z.number(), missing: z.array(lostFile), wrong: z.array(lostFile) })
    .transform(({ restored, missing, wrong }) => ({
      restored,
      missing: firstOf(missing),
      wrong: firstOf(wrong),
      missingCount: missing.length,
      wrongCount: wrong.length,
    })),
  'deployer-artefact': z.object({
    version: z.string(),
    digest: z.string(),
    changelog: shownText(paragraph),
    migrations: z.object({ expand: migrations, contract: migrations, undo: migrations }),
  }),
  'deployer-running': z.object({
    servers: z.record(
      z.string(),
      z.object({ version: z.string(), address: z.string() }).nullable(),
    ),
  }),
  'deployer-backup': z.object({ file: z.string(), verified: z.boolean() }),
  'deployer-started': z.object({ address: z.string() }),
  'deployer-version': z.object({ version: z.string() }),
  'pipeline-jobs': z.object({
    jobs: z.array(
      z.object({
        ...{ id: z.string(), status, stage: textOrNull, dataset: textOrNull },
        created: z.string(),
      }),
    ),
  }),
  'pipeline-job': z.object({
    status: z.enum([...jobStates, 'unknown']),
    stage: textOrNull,
    error: orNull(
      z.object({
        code: shownText(sentence),
        message: shownText(paragraph),
        record: orNull(z.record(z.string(), z.json())),
        poison: z.boolean().default(false),
      }),
    ),
  }),
  'pipeline-started': z.object({ job: z.string() }),
};

function unusable(program: string, what: string): StepFailure {
  return new StepFailure('AnswerUnusable', `${program} ${what}`, {
    next:
      'The program succeeded, and its effect stands: correct ' +
      'what it prints, then retry; it gets the same arguments.',
  });
}

/** Keeps the last line that a program has printed, whole, whatever it printed before. */
export class LastLine {
  private last: Buffer[] = [];
  private line: Buffer[] = [];
  private size = 0;

  take(chunk: Buffer): void {
    let rest = chunk;
    for (let end = rest.indexOf(10); end !== -1; end = rest.indexOf(10)) {
      this.add(rest.subarray(0, end));
      this.endLine();
      rest = rest.subarray(end + 1);
    }
    this.add(rest);
  }

  /**
   * @returns null when it is longer than an answer may be
   * @throws StepFailure AnswerUnusable when it is no UTF-8
   */
  text(program: string): string | null {
    this.endLine();
    if (this.last.length === 0) return '';
    const bytes = Buffer.concat(this.last);
    if (bytes.length > longestAnswer) return null;
    if (!isUtf8(bytes)) throw unusable(program, 'answered with bytes that are no UTF-8');
    return bytes.toString('utf8').trim();
  }

  private add(part: Buffer): void {
    // One byte too many is enough to know that it is too long.
    const room = longestAnswer + 1 - this.size;
    if (room > 0 && part.length > 0) this.line.push(Buffer.from(part.subarray(0, room)));
    this.size += Math.min(part.length, Math.max(0, room));
  }

  private endLine(): void {
    if (this.line.some((part) => /\S/.test(part.toString('latin1')))) this.last = this.line;
    this.line = [];
    this.size = 0;
  }
}

/**
 * Validates and shortens what a program answered.
 * @param printed the last line that it printed; null when it was too long
 * @param secrets takes secrets out of it
 * @throws StepFailure AnswerUnusable
 */
export function readAnswer(
  name: AnswerName,
  program: string,
  printed: string | null,
  secrets: { text(text: string): string },
): JsonObject {
  if (printed === null)
    throw unusable(program, `answered with a line of more than ${longestAnswer / 1024 ** 2} MiB`);
  const line = secrets.text(printed);
  const start = JSON.stringify(beginningOf(line, 100));
  let answer: Json;
  try {
    answer = line === printed ? parseJson(line) : blankedIn(parseJson(printed), parseJson(line));
  } catch {
    throw unusable(
      program,
      line === ''
        ? 'printed nothing, and its answer is one line of JSON'
        : `did not answer with a line of JSON: its last line begins with ${start}`,
    );
  }
  const parsed = shapes[name].safeParse(answer);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const where = issue?.path.join('.') || 'the whole';
    if (line !== printed && blankedText.safeParse(at(answer, issue?.path ?? [])).success)
      throw unusable(
        program,
        `answered with a secret at ${where}, which the run acts on: it was taken out of the answer`,
      );
    throw unusable(
      program,
      `gave an unexpected answer at ${where}: ${issue?.message}; it began with ${start}`,
    );
  }
  const kept = parsed.data as unknown as JsonObject;
  const bytes = Buffer.byteLength(JSON.stringify(kept));
  if (bytes <= mostKept) return kept;
  throw unusable(
    program,
    `answered ${bytes} bytes that the run needs, and at most ${mostKept} can be handed on`,
  );
}

/** The answer, and in the place of each value that held a secret what only people read. */
function blankedIn(was: Json | undefined, is: Json): Json {
  if (Array.isArray(was) && Array.isArray(is) && was.length === is.length)
    return is.map((item, at) => blankedIn(was[at], item));
  if (isObject(was) && isObject(is) && Object.keys(was).join() === Object.keys(is).join())
    return Object.fromEntries(
      Object.entries(is).map(([name, value]) => [name, blankedIn(was[name], value)]),
    );
  if (JSON.stringify(was) === JSON.stringify(is)) return is;
  return { blanked: typeof is === 'string' ? is : JSON.stringify(is) };
}

function at(answer: Json, path: readonly PropertyKey[]): Json | undefined {
  return path.reduce<Json | undefined>(
    (value, key) =>
      Array.isArray(value) ? value[Number(key)] : isObject(value) ? value[String(key)] : undefined,
    answer,
  );
}
