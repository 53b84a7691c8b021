import type { Tree } from '../../../../language/expression/ast.js';

/** The text of a tree, with the parentheses that it needs. */
export function print(tree: Tree): string {
  switch (tree.is) {
    case 'literal':
      return literal(tree);
    case 'name':
      return tree.name;
    case 'field':
      return `${operand(tree.of)}.${tree.optional ? '?' : ''}${tree.name}`;
    case 'index':
      return `${operand(tree.of)}[${tree.optional ? '?' : ''}${print(tree.by)}]`;
    case 'has':
      return `has(${operand(tree.of)}.${tree.name})`;
    case 'not':
      return `!${operand(tree.of)}`;
    case 'minus':
      return `-(${print(tree.of)})`;
    case 'and':
      return tree.parts.map(operand).join(' && ');
    case 'or':
      return tree.parts.map(operand).join(' || ');
    case 'binary':
      return `${operand(tree.left)} ${tree.sign} ${operand(tree.right)}`;
    case 'if':
      return `${operand(tree.when)} ? ${operand(tree.then)} : ${operand(tree.otherwise)}`;
    case 'call':
      return `${tree.of ? `${operand(tree.of)}.` : ''}${tree.name}(${tree.args.map(print).join(', ')})`;
    case 'each':
      return `${operand(tree.of)}.${tree.macro}(${tree.variable}, ${print(tree.body)})`;
    case 'list':
      return `[${tree.items.map(print).join(', ')}]`;
    case 'map':
      return `{${tree.entries.map(([key, value]) => `${print(key)}: ${print(value)}`).join(', ')}}`;
  }
}

const simple: ReadonlySet<Tree['is']> = new Set([
  'name',
  'field',
  'index',
  'has',
  'call',
  'each',
  'list',
  'map',
]);

/** In parentheses, unless it needs none anywhere. */
function operand(tree: Tree): string {
  const isSimple = simple.has(tree.is) || (tree.is === 'literal' && !isNegative(tree));
  return isSimple ? print(tree) : `(${print(tree)})`;
}

function isNegative(tree: Tree & { is: 'literal' }): boolean {
  return (tree.type === 'integer' || tree.type === 'number') && literal(tree).startsWith('-');
}

function literal(tree: Tree & { is: 'literal' }): string {
  if (tree.type === 'text') return quoted(tree.value);
  if (tree.type !== 'number') return String(tree.value);
  const text = String(tree.value);
  return /[.e]/.test(text) ? text : `${text}.0`;
}

function quoted(text: string): string {
  const escaped = [...text].map((each) => {
    const code = each.codePointAt(0) ?? 0;
    if (each === '"' || each === '\\') return `\\${each}`;
    return code < 0x20 || code === 0x7f ? `\\u${code.toString(16).padStart(4, '0')}` : each;
  });
  return `"${escaped.join('')}"`;
}
