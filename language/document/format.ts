import { isMap, isScalar, isSeq, parseDocument, type Document, type Pair } from 'yaml';
import { canonicalJson } from '../json.js';
import { actions, controls } from './kinds.js';
import { read } from './read.js';
import { shapeOf, sortOf } from './sort.js';
import { actionFields, pollFields } from './schema/action.js';
import { fieldsAt } from './schema/json-schema.js';

const groups: readonly string[] = ['steps', 'parallel', 'branch'];

/*
 * The canonical form of a file: fields in one order, one kind of quotes, two blanks for a level.
 * Comments stay with what they stand at.
 */

/**
 * @returns null when the file cannot be read: then nothing of it is changed
 */
export function formatted(text: string, file: string): string | null {
  const written = read(text, file);
  if (!written.data || written.problems.length > 0) return null;
  const document = parseDocument(text, { strict: true });
  const sortOfFile = sortOf(written.data, file);
  const { schema } = shapeOf(sortOfFile);
  order(document, 'contents', fieldsAt(schema, []));
  // A case of a test is no case of a branch.
  if (sortOfFile !== 'test') visitSteps(document.contents);
  const result = document.toString({
    ...{ lineWidth: 0, flowCollectionPadding: true, indentSeq: true, minContentWidth: 0 },
  });
  const again = read(result, file);
  // Whatever the writer does to the text, what it says stays.
  if (!again.data || canonicalJson(again.data) !== canonicalJson(written.data)) return null;
  return result;
}

function order(holder: Document.Parsed, key: 'contents', fields: readonly string[]): void {
  const map = holder[key];
  if (isMap(map)) sort(map.items, fields);
}

/** A step from its name to what it does, how well, and what follows; what is inside comes last. */
const ofStep: readonly string[] = [
  ...['id', 'case', 'title', 'note', 'kind', 'when', 'target', 'runsOn', 'credentials'],
  ...actions,
  ...controls.filter((key) => !groups.includes(key)),
  ...['forEach', 'as', 'key', 'concurrency', 'maxFailures', 'stopWhen', 'failFast', 'mode', 'pass'],
  ...Object.values(actionFields).flatMap((fields) => Object.keys(fields)),
  ...['env', 'effect', 'idempotent', 'pointOfNoReturn', 'expect', ...Object.keys(pollFields)],
  ...['outputs', 'verify', 'undo', 'temporary', 'approval', 'onFailure', 'retry', 'timeout'],
  ...['softTimeout', 'evidence', 'checklist', 'answers', 'attachments', 'choose', 'by', ...groups],
];

function visitSteps(node: unknown): void {
  if (isSeq(node)) for (const item of node.items) visitSteps(item);
  if (!isMap(node)) return;
  const keys = node.items.map(({ key }) => (isScalar(key) ? key.value : null));
  if (keys.includes('id') || keys.includes('case')) sort(node.items, ofStep);
  for (const { value } of node.items) visitSteps(value);
}

/** Fields that are not known stay at the end, in their order. */
function sort(items: Pair[], fields: readonly string[]): void {
  const place = ({ key }: Pair): number => {
    const at = isScalar(key) ? fields.indexOf(String(key.value)) : -1;
    return at === -1 ? fields.length : at;
  };
  items.sort((a, b) => place(a) - place(b));
}
