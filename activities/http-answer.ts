import { createHash } from 'node:crypto';
import { withCut } from '../language/cut.js';
import { valueAt } from '../language/dotted.js';
import { type Json, type JsonObject, parseJson } from '../language/json.js';
import type { HttpAction } from '../language/kinds/http.js';
import { StepFailure } from './failure.js';
import type { AttemptContext } from './handler.js';
import { headAndTail } from './output-cap.js';
import { succeeded, unanswered } from './http-send.js';
import { where } from './http-request.js';

/** A larger JSON answer is not parsed; its digest and size are still kept. */
const maxParsedBytes = 32 * 1024 * 1024;
/** A larger answer is shown by its beginning only, unless the step picks what it needs. */
const maxWholeBytes = 48 * 1024;
/** An answer that is not larger is not kept as output beside the step's own. */
const maxUnkeptBytes = 1_024;
/** The status of a part of an answer, which nobody has asked for. */
const partialContent = 206;
/** What people see of an answer that is no JSON, in characters. */
const shownCharacters = 8_192;

export interface Body {
  bytes: Buffer;
  size: number;
  sha256: string;
}

export async function readBody(
  response: Response,
  url: URL,
  action: HttpAction,
  context: AttemptContext,
): Promise<Body> {
  const hash = createHash('sha256');
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of response.body ?? []) {
      const bytes = Buffer.from(chunk as Uint8Array);
      hash.update(bytes);
      if (size < maxParsedBytes) chunks.push(bytes);
      const isFirstOutput = size <= maxUnkeptBytes;
      size += bytes.length;
      if (size > maxUnkeptBytes)
        context.output('stdout', isFirstOutput ? Buffer.concat(chunks) : bytes);
    }
  } catch (error) {
    // A refusal counts even without its whole body.
    if (context.signal.aborted || succeeded(response.status, action))
      throw unanswered(error, url, action, context);
  }
  return { bytes: Buffer.concat(chunks), size, sha256: hash.digest('hex') };
}

export function outputOf(
  action: HttpAction,
  response: Response,
  body: Body,
  url: URL,
  context: AttemptContext,
): Json {
  const { status } = response;
  if (action.pick) {
    const names = Object.entries(action.pick);
    return names.length === 0 ? { status } : pickedFrom(names, response, body, url, context);
  }
  const read = readText(response.headers.get('content-type'), body.bytes);
  const isPart = status === partialContent;
  const json = isJson(response) && !isPart ? jsonIn(read, body) : undefined;
  if (json !== undefined && body.size <= maxWholeBytes) return { status, json };
  const output = { status, truncated: false, bytes: body.size, sha256: body.sha256 };
  // JSON that was too large to parse is not absent.
  const parts = ['text', 'json'];
  if (!('text' in read)) return withCut({ ...output, text: read.problem }, parts);
  const plain = read.text.replaceAll('\0', '');
  const clean = context.secrets.text(plain);
  const text = headAndTail(clean, shownCharacters);
  const isCut =
    isPart || body.size > body.bytes.length || read.problem !== undefined || text !== read.text;
  return withCut({ ...output, text }, isCut ? parts : [], clean === plain ? [] : parts);
}

/**
 * The values that the step picks from the answer: all of them, or a failure that says what came.
 * @throws StepFailure
 */
function pickedFrom(
  names: readonly [name: string, path: string][],
  response: Response,
  body: Body,
  url: URL,
  context: AttemptContext,
): JsonObject {
  const type = response.headers.get('content-type');
  const read = readText(type, body.bytes);
  const json = jsonIn(read, body);
  const unusable = (what: string): StepFailure => {
    const begins =
      'text' in read && read.text !== ''
        ? `; it begins with ${JSON.stringify(context.secrets.quote(read.text))}`
        : '';
    return new StepFailure(
      'AnswerUnusable',
      `${where(url)} answered ${response.status} (${type ?? 'no content type'}, ` +
        `${body.size} bytes), and ${what}${begins}`,
      { next: 'Check the address, and whether the service needs another log-in, path or pick.' },
    );
  };
  if (response.status === partialContent) throw unusable('that is a part of the answer only');
  if (read.problem !== undefined) throw unusable(read.problem);
  if (body.size > maxParsedBytes)
    throw unusable(`more than ${maxParsedBytes / 1024 ** 2} MiB are not read as JSON`);
  if (json === undefined) throw unusable('that is no JSON, which `pick` needs');
  const missing = names.filter(([, path]) => valueAt(json, path) === undefined);
  if (missing.length > 0)
    throw unusable(`there is no ${missing.map(([, path]) => path).join(', ')} in it`);
  return Object.fromEntries(names.map(([name, path]) => [name, valueAt(json, path) as Json]));
}

type ReadText = { text: string; problem?: string } | { problem: string };

/** The text of an answer, in the charset of its byte order mark or of its header; else UTF-8. */
function readText(contentType: string | null, bytes: Buffer): ReadText {
  const [, said] = /;\s*charset\s*=\s*"?([^\s";]+)/i.exec(contentType ?? '') ?? [];
  const charset = markedAs(bytes) ?? said ?? 'utf-8';
  // A byte order mark is no part of the text.
  let lenient: InstanceType<typeof TextDecoder>;
  try {
    lenient = new TextDecoder(charset);
  } catch {
    return { problem: `its charset ${JSON.stringify(charset)} is not known here` };
  }
  try {
    return { text: new TextDecoder(charset, { fatal: true }).decode(bytes) };
  } catch {
    // Only people see the readable part, with U+FFFD for the rest.
    return {
      text: lenient.decode(bytes),
      problem: `it is not ${charset.toLowerCase()} throughout`,
    };
  }
}

function markedAs(bytes: Buffer): string | undefined {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le';
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return 'utf-16be';
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 'utf-8' : undefined;
}

function isJson(response: Response): boolean {
  return /\bjson\b/i.test(response.headers.get('content-type') ?? '');
}

function jsonIn(read: ReadText, body: Body): Json | undefined {
  if (!('text' in read) || read.problem !== undefined || body.size > maxParsedBytes)
    return undefined;
  try {
    return parseJson(read.text);
  } catch {
    return undefined;
  }
}

/** The JSON of an answer that is quoted to people. */
export function parse(response: Response, body: Body): Json | undefined {
  const type = response.headers.get('content-type');
  return isJson(response) ? jsonIn(readText(type, body.bytes), body) : undefined;
}
