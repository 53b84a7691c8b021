/**
 * Refuses to take step paths apart, or to put them together, outside of language/paths.ts: what a
 * `/` or a `.undo` in a path means is said there alone. Paths of files and other texts with a `/`
 * say so where they are: `eslint-disable-next-line layers/step-paths -- a file's path`.
 */
const methods = new Set(['split', 'join', 'includes', 'indexOf', 'lastIndexOf', 'startsWith']);
methods.add('endsWith');
const marks = new Set(['/', '.', '.undo', '.check']);

export const stepPaths = {
  meta: {
    type: 'problem',
    docs: { description: 'the grammar of step paths is in language/paths.ts' },
    schema: [],
    messages: {
      refused: 'If this is the path of a step, use language/paths.ts; if not, say what it is.',
    },
  },
  create(context) {
    const refuse = (node) => context.report({ node, messageId: 'refused' });
    return {
      /** `path.split('/')` and its like. */
      CallExpression({ callee, arguments: [first] }) {
        if (callee.type !== 'MemberExpression' || !methods.has(callee.property.name)) return;
        if (first?.type === 'Literal' && isMark(callee.property.name, first.value)) refuse(first);
      },
      /** `${path}/${part}`, `${path}/`, `${step}.undo`, `${id}.${times}`; in SQL `|| '/'`. */
      TemplateLiteral(node) {
        const texts = node.quasis.map(({ value }) => value.raw);
        const isPath = texts.every((text) => text === '' || marks.has(text)) && texts.some(Boolean);
        // A sentence has its full stop at its end.
        const isSentence = texts.at(-1) === '.';
        if ((isPath && !isSentence) || texts.some((text) => /\|\| '[/.]'/.test(text))) refuse(node);
      },
      /** `/\.\d+$/`: a step done for another time. */
      'Literal[regex]'(node) {
        if (node.regex.pattern === '\\.\\d+$') refuse(node);
      },
    };
  },
};

/** Words are joined with `.` and sentences end with it; only with `/` is that a path. */
function isMark(method, text) {
  return text === '.' ? method === 'lastIndexOf' : marks.has(text);
}
