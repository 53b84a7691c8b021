/**
 * Refuses every import that a folder is not allowed to make. The lists say what is allowed, so a
 * new package or folder is refused until somebody decides where it belongs.
 *
 * Options:
 * packages     names of npm packages; a name covers its sub-paths; `node:` covers Node's own
 * modules
 *   types        the same, for `import type` only
 * files        paths in the repository without extension; a folder with `/` at its end covers
 * everything in it, and `*` stands for the name of any one folder or file
 *   typeFiles    the same, for `import type` only
 *   except       entries like those of `files` that stay refused although `files` covers them
 *   why          the reason, printed with each refusal
 */
import { dirname, relative, resolve, sep } from 'node:path';

const builtin = 'node:';

export const layers = {
  meta: {
    type: 'problem',
    docs: { description: 'each folder imports only what its place in the program allows' },
    schema: [
      {
        type: 'object',
        additionalProperties: false,
        required: ['packages', 'files', 'why'],
        properties: {
          packages: { type: 'array', items: { type: 'string' } },
          types: { type: 'array', items: { type: 'string' } },
          files: { type: 'array', items: { type: 'string' } },
          typeFiles: { type: 'array', items: { type: 'string' } },
          except: { type: 'array', items: { type: 'string' } },
          why: { type: 'string' },
        },
      },
    ],
    messages: { refused: '{{file}} may not import {{what}}: {{why}}' },
  },
  create(context) {
    const { packages, files, types = [], typeFiles = [], except = [], why } = context.options[0];
    const file = pathInRepository(context.cwd, context.filename);

    function check(node, source, typeOnly) {
      if (source?.type !== 'Literal' || typeof source.value !== 'string') return;
      const what = source.value.startsWith('.')
        ? pathInRepository(context.cwd, resolve(dirname(context.filename), source.value)).replace(
            /\.[cm]?[jt]s$/,
            '',
          )
        : source.value;
      const allowed = source.value.startsWith('.')
        ? (typeOnly ? [...files, ...typeFiles] : files).some((entry) => coversFile(entry, what)) &&
          !except.some((entry) => coversFile(entry, what))
        : (typeOnly ? [...packages, ...types] : packages).some((entry) =>
            coversPackage(entry, what),
          );
      if (!allowed) context.report({ node, messageId: 'refused', data: { file, what, why } });
    }

    return {
      ImportDeclaration: (node) => check(node, node.source, node.importKind === 'type'),
      ExportNamedDeclaration: (node) => check(node, node.source, node.exportKind === 'type'),
      ExportAllDeclaration: (node) => check(node, node.source, node.exportKind === 'type'),
      ImportExpression: (node) => check(node, node.source, false),
      TSImportType: (node) => check(node, node.source, true),
    };
  },
};

function pathInRepository(root, path) {
  return relative(root, path).split(sep).join('/');
}

function coversFile(entry, path) {
  if (entry.endsWith('/')) return path.startsWith(entry);
  const parts = entry.split('/');
  const names = path.split('/');
  return (
    parts.length === names.length && parts.every((part, at) => part === '*' || part === names[at])
  );
}

function coversPackage(entry, name) {
  return entry === builtin
    ? name.startsWith(builtin)
    : name === entry || name.startsWith(`${entry}/`);
}
