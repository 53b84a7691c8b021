import { Document, isScalar, visit } from 'yaml';
import type { Json } from '../json.js';
import { scalarProblem } from './scalars.js';
import { Source } from './source.js';

const nowhere = { source: new Source('', ''), start: 0, end: 0, style: 'plain' } as const;

/** Data as the text of a file that reads as the same data, also for readers of older YAML. */
export function yamlText(data: Json): string {
  const document = new Document(data, { aliasDuplicateObjects: false });
  visit(document, {
    Scalar: (_key, node) => {
      if (isScalar(node) && typeof node.value === 'string')
        if (scalarProblem(node.value, node.value, nowhere)) node.type = 'QUOTE_DOUBLE';
    },
  });
  return document.toString({ lineWidth: 0 });
}
