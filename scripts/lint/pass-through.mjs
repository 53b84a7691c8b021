/**
 * Refuses to export what another file holds. A thing that can be imported from two places has two
 * names: readers search twice, and a move changes files that have nothing to do with it. The doors
 * of a folder, and the entry points of workflow bundles, are excepted in eslint.config.js.
 */
export const passThrough = {
  meta: {
    type: 'problem',
    docs: { description: 'a thing is imported from the file that holds it' },
    schema: [],
    messages: {
      refused: 'This file does not hold {{what}}: import it from where it is, and export nothing.',
    },
  },
  create(context) {
    const imported = new Set();
    const refuse = (node, what) => context.report({ node, messageId: 'refused', data: { what } });
    return {
      ImportDeclaration({ specifiers }) {
        for (const { local } of specifiers) imported.add(local.name);
      },
      ExportAllDeclaration: (node) => refuse(node, 'these'),
      'ExportNamedDeclaration[source]': (node) => refuse(node, 'these'),
      'Program:exit'({ body }) {
        for (const node of body) {
          if (node.type !== 'ExportNamedDeclaration' || node.source) continue;
          for (const { local } of node.specifiers)
            if (imported.has(local.name)) refuse(node, local.name);
        }
      },
    };
  },
};
