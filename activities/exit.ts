import { ApplicationFailure } from '@temporalio/activity';
import { TemporalFailure } from '@temporalio/common';
import type { Problem } from '../common/view.js';
import type { Json, JsonObject } from '../language/json.js';
import { isObject } from '../language/objects.js';
import { lastLines } from './last-lines.js';
import { StepFailure } from './failure.js';
import { beginningOf } from '../common/visible.js';
import { capForHistory, headAndTail } from './output-cap.js';
import { marked } from './marked.js';
import type { Redactor } from './redact.js';

/** Of a message, in characters: its beginning and its end. */
const maxMessage = 2_000;
/** Of what another program or service said, within a message. */
const maxQuote = 300;
/** Of the last lines of a program's output, within a message. */
const quotedLines = 3;
/** Of what goes with a heartbeat, in bytes of JSON. */
const maxProgressBytes = 4 * 1024;
/** Of the facts beside a failure. */
const maxDetailsBytes = 8 * 1024;
/** They identify a transaction: redacting a digit would name another transaction. */
const proofs: ReadonlySet<string> = new Set(['system', 'xid']);

/**
 * The only way out of an attempt: all that history, the record, the worker's log, other steps or
 * readers of messages get passes through here. A text is redacted whole and shortened only then:
 * half a secret would not be found. Handlers pass whole texts, and shorten with `quote`.
 */
export class Exit {
  constructor(private readonly redactor: Redactor) {}

  /**
   * A quote of another program or service, in one line, for a message.
   * @param keep its beginning, or its last lines; of an overwritten line, what was visible last
   */
  quote(text: string, keep: 'start' | 'end' = 'start'): string {
    const clean = this.redactor.text(text).trim();
    if (keep === 'start') return beginningOf(oneLine(clean), maxQuote);
    return oneLine(lastLines(clean, quotedLines)).slice(-maxQuote).replace(halfAtStart, '');
  }

  /** A whole text without secrets; what shortens it comes after. */
  text(text: string): string {
    return this.redactor.text(text);
  }

  /** A whole answer without secrets. What held one is for people alone. */
  answer(value: Json): Json {
    return marked(value, this.redactor.json(value), true);
  }

  /** A step's output, as history stores it. */
  output(value: Json): Json {
    return capForHistory(this.answer(value)).value;
  }

  /** Evidence of the outcome, as the record stores it. */
  evidence(value: Json): Json {
    if (!isObject(value)) return this.output(value);
    const kept = (name: string, each: Json): Json => {
      if (proofs.has(name)) return each;
      return typeof each === 'string' ? this.text(each) : this.output(each);
    };
    return Object.fromEntries(
      Object.entries(value).map(([name, each]) => [name, kept(name, each)]),
    );
  }

  /** A message to people elsewhere: whole, because history does not store it. */
  outgoing<M extends object>(message: M): M {
    return this.redactor.json(message as JsonObject) as M;
  }

  /** What is shown while the step runs. */
  progress(details: JsonObject): JsonObject {
    return this.bounded(details, maxProgressBytes);
  }

  /** Why the attempt failed, in words. */
  problem(failure: unknown): Problem {
    if (!(failure instanceof StepFailure)) {
      return {
        type: 'Error',
        message: this.message(`the step's handler failed unexpectedly: ${wordsOf(failure)}`),
        next: 'This is a fault of the program: report it with the run id.',
      };
    }
    const { next, command } = failure.extra;
    return {
      type: failure.type,
      message: this.message(failure.message),
      ...(next === undefined ? {} : { next: this.message(next) }),
      ...(command === undefined ? {} : { command: this.message(command) }),
    };
  }

  /** The facts beside a failure. */
  details(failure: unknown): JsonObject {
    const details = failure instanceof StepFailure ? failure.extra.details : undefined;
    return details === undefined ? {} : this.bounded(details, maxDetailsBytes);
  }

  /**
   * An error that ends the attempt before or after the step itself; goes unchanged to Temporal and
   * the log.
   */
  error(error: unknown): unknown {
    if (error instanceof TemporalFailure) return error;
    return ApplicationFailure.create({
      type: error instanceof Error ? error.name : 'Error',
      message: this.message(wordsOf(error)),
    });
  }

  private message(text: string): string {
    return headAndTail(this.redactor.text(text), maxMessage);
  }

  private bounded(details: JsonObject, bytes: number): JsonObject {
    return capForHistory(this.redactor.json(details), bytes).value as JsonObject;
  }
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}

const halfAtStart = /^[\udc00-\udfff]/;
