/**
 * Puts faults into a source, each behind a switch of its own: a condition that always or never
 * holds, a boundary one off, a default that is not taken or always is, a case that never matches, a
 * statement that is left out. `__fault__(n)` is true for the one that is on, so that one built
 * program holds all of them.
 */
import ts from 'typescript';

/**
 * @typedef {object} Fault
 * @property {number} id
 * @property {string} file
 * @property {number} line from 1
 * @property {string} in the function around it: `Gates.ask`, or empty
 * @property {string} what the code and what becomes of it: `gate?.state !== 'waiting' → false`
 */

/**
 * @param {string} source TypeScript
 * @param {string} file for the faults' description
 * @param {number} firstId number of the first fault
 * @returns {{ text: string, faults: Fault[] }} the source with the switches, and what each one does
 */
export function withFaults(source, file, firstId) {
  const tree = ts.createSourceFile(file, source, ts.ScriptTarget.ES2022, true);
  /** Texts put in at a place; what is asked for later, further inside, comes closer to the code. */
  const edits = new Map();
  const faults = [];

  visit(tree);
  return { text: edited(source, edits), faults };

  function visit(node) {
    if (ts.isTypeNode(node) || ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node))
      return;
    if (ts.isImportDeclaration(node)) return;
    if (ts.isIfStatement(node) || ts.isWhileStatement(node) || ts.isDoStatement(node))
      return condition(node.expression, node);
    if (ts.isConditionalExpression(node)) return condition(node.condition, node);
    if (ts.isForStatement(node) && node.condition) return condition(node.condition, node);
    if (ts.isPrefixUnaryExpression(node) && node.operator === ts.SyntaxKind.ExclamationToken) {
      return flip(node.operand, ['true', 'false']);
    }
    if (ts.isBinaryExpression(node)) return binary(node);
    if (ts.isCaseClause(node)) {
      const id = fault(node.expression, 'never matches');
      wrap(node.expression, `__fault__(${id}) ? Symbol() : `);
    }
    if (ts.isExpressionStatement(node) && leavesOut(node.expression)) {
      const id = fault(node, 'left out');
      put(node.getStart(), `{ if (!__fault__(${id})) `);
      putBehind(node.end, ' }');
    }
    ts.forEachChild(node, visit);
  }

  /** The condition of a statement or of `?:`, then everything else in it. */
  function condition(expression, parent) {
    flip(expression, ['true', 'false']);
    ts.forEachChild(parent, (child) => {
      if (child !== expression) visit(child);
    });
  }

  function binary(node) {
    const kind = node.operatorToken.kind;
    if (kind === ts.SyntaxKind.QuestionQuestionToken) {
      const always = fault(node.left, 'the default is always taken');
      wrap(node.left, `__fault__(${always}) ? undefined : `);
      if (!isPlain(node.right)) {
        const never = fault(node, 'without the default');
        wrap(node.right, `__fault__(${never}) ? undefined : `);
      }
      return ts.forEachChild(node, visit);
    }
    if (isLogical(node)) {
      // What comes last is the value itself, unless it is a yes or no.
      return isYesOrNo(node) ? flip(node, ['true', 'false']) : operands(node, false);
    }
    if (comparisons.has(kind)) return flip(node, ['true', 'false']);
    return ts.forEachChild(node, visit);
  }

  /** @param want what the whole is to become, once each */
  function flip(node, want) {
    const inner = bare(node);
    if (isLogical(inner)) {
      const [holds, stops] = isAnd(inner) ? ['true', 'false'] : ['false', 'true'];
      // One operand that always holds says more than all of them.
      for (const value of want) if (value === stops || !want.includes(stops)) force(inner, value);
      return operands(inner, true, holds);
    }
    if (ts.isPrefixUnaryExpression(inner) && inner.operator === ts.SyntaxKind.ExclamationToken) {
      return flip(
        inner.operand,
        want.map((value) => (value === 'true' ? 'false' : 'true')),
      );
    }
    for (const value of want) force(inner, value);
    if (ts.isBinaryExpression(inner)) boundary(inner);
    if (
      ts.isBinaryExpression(inner) &&
      inner.operatorToken.kind === ts.SyntaxKind.QuestionQuestionToken
    )
      return binary(inner);
    ts.forEachChild(inner, visit);
  }

  function operands(node, all, value = isAnd(node) ? 'true' : 'false') {
    const list = flattened(node);
    list.forEach((operand, index) => {
      if (all || index < list.length - 1) flip(operand, [value]);
      else visit(operand);
    });
  }

  function force(node, value) {
    const id = fault(node, value);
    wrap(node, `__fault__(${id}) ? ${value} : `);
  }

  /** `<` becomes `<=` and so on; both sides are worked out once, as before. */
  function boundary(node) {
    const other = boundaries.get(node.operatorToken.kind);
    if (other === undefined) return;
    const own = node.operatorToken.getText();
    const id = fault(node, other, true);
    put(node.left.getStart(), `((l, r) => (__fault__(${id}) ? l ${other} r : l ${own} r))(`);
    edits.set(node.operatorToken.getStart(), { before: [','], behind: [], length: own.length });
    putBehind(node.right.end, ')');
  }

  function fault(node, becomes, isOperator = false) {
    const text = node.getText().replace(/\s+/g, ' ');
    const shown = text.length > 70 ? `${text.slice(0, 69)}…` : text;
    const id = firstId + faults.length;
    const line = tree.getLineAndCharacterOfPosition(node.getStart()).line + 1;
    faults.push({
      id,
      file,
      line,
      in: functionAround(node),
      what: `${shown} → ${isOperator ? `with ${becomes}` : becomes}`,
    });
    return id;
  }

  function wrap(node, before) {
    put(node.getStart(), `(${before}(`);
    putBehind(node.end, '))');
  }

  function put(at, text) {
    placeOf(at).before.push(text);
  }

  function putBehind(at, text) {
    placeOf(at).behind.unshift(text);
  }

  function placeOf(at) {
    if (!edits.has(at)) edits.set(at, { before: [], behind: [], length: 0 });
    return edits.get(at);
  }
}

/**
 * `Class.method`, `function`, or the name of the constant that an arrow function is given to; the
 * outermost counts.
 */
function functionAround(node) {
  let name = '';
  for (let around = node.parent; around; around = around.parent) {
    if (ts.isClassDeclaration(around)) return `${around.name?.text}.${name}`;
    if (ts.isConstructorDeclaration(around)) name = 'constructor';
    else if ((ts.isFunctionLike(around) || ts.isVariableDeclaration(around)) && around.name)
      name = around.name.getText();
  }
  return name;
}

function edited(source, edits) {
  let text = '';
  let at = 0;
  for (const [place, { before, behind, length }] of [...edits].sort(
    ([one], [other]) => one - other,
  )) {
    // What ends here ends before anything begins.
    text += source.slice(at, place) + behind.join('') + before.join('');
    at = place + length;
  }
  return text + source.slice(at);
}

const comparisons = new Set([
  ts.SyntaxKind.EqualsEqualsEqualsToken,
  ts.SyntaxKind.ExclamationEqualsEqualsToken,
  ts.SyntaxKind.LessThanToken,
  ts.SyntaxKind.LessThanEqualsToken,
  ts.SyntaxKind.GreaterThanToken,
  ts.SyntaxKind.GreaterThanEqualsToken,
  ts.SyntaxKind.InstanceOfKeyword,
  ts.SyntaxKind.InKeyword,
]);
const boundaries = new Map([
  [ts.SyntaxKind.LessThanToken, '<='],
  [ts.SyntaxKind.LessThanEqualsToken, '<'],
  [ts.SyntaxKind.GreaterThanToken, '>='],
  [ts.SyntaxKind.GreaterThanEqualsToken, '>'],
]);
const assignments = new Set([
  ts.SyntaxKind.EqualsToken,
  ts.SyntaxKind.PlusEqualsToken,
  ts.SyntaxKind.MinusEqualsToken,
]);

/** Statements whose absence shows: calls and assignments. */
function leavesOut(expression) {
  const inner = ts.isAwaitExpression(expression) ? expression.expression : expression;
  if (ts.isCallExpression(inner)) return inner.expression.kind !== ts.SyntaxKind.SuperKeyword;
  if (ts.isBinaryExpression(inner)) return assignments.has(inner.operatorToken.kind);
  return ts.isDeleteExpression(inner);
}

function bare(node) {
  return ts.isParenthesizedExpression(node) ? bare(node.expression) : node;
}

function isLogical(node) {
  return (
    ts.isBinaryExpression(node) &&
    [ts.SyntaxKind.AmpersandAmpersandToken, ts.SyntaxKind.BarBarToken].includes(
      node.operatorToken.kind,
    )
  );
}

function isAnd(node) {
  return node.operatorToken.kind === ts.SyntaxKind.AmpersandAmpersandToken;
}

/** `a && b && c` as three. */
function flattened(node) {
  const { kind } = node.operatorToken;
  const left =
    isLogical(node.left) && node.left.operatorToken.kind === kind
      ? flattened(node.left)
      : [node.left];
  return [...left, node.right];
}

function isYesOrNo(node) {
  const inner = bare(node);
  if (isLogical(inner)) return flattened(inner).every(isYesOrNo);
  if (ts.isBinaryExpression(inner)) return comparisons.has(inner.operatorToken.kind);
  if (ts.isPrefixUnaryExpression(inner)) return inner.operator === ts.SyntaxKind.ExclamationToken;
  if (!ts.isCallExpression(inner)) return false;
  return /(^|\.)(is|has|was|includes|some|every|startsWith|endsWith|test)([A-Z]|\(|$)/.test(
    inner.expression.getText(),
  );
}

/** A value that stands for nothing: there is no default to do without. */
function isPlain(node) {
  return ['null', 'undefined', "''", 'false'].includes(node.getText());
}
