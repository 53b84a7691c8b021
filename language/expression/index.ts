/**
 * The expression language: CEL, with three values. This door is for whoever reads files and admits
 * plans. A workflow never comes through it, but imports `evaluate`, `explain`, `names` and `ast`
 * themselves: its sandbox has no parser.
 *
 *     compile(source, names, wanted)       { expression, type } or { problems }
 *     compileTemplate(text, names, wanted) { template, type } or { problems }: `x-${inputs.n}`
 *     evaluate(expression, scope)          { value } or { unknown: reasons }
 *     holds(expression, scope)             true, false or { unknown: reasons }
 *     explain(expression, scope)           what decided, line by line, for people
 *     chainsIn(tree), namesIn(tree)        what an expression names of its scope
 *
 * A plan keeps `{ $: source, ast }`, as `compile` makes it. The tree says where a value is read as
 * an integer, a duration or a timestamp, because JSON has none; so an expression that was only
 * read (`parse`) and never checked takes declared integers for numbers and durations for texts.
 *
 * `&&`, `||`, `all` and `exists` decide without what is unknown where they can. A missing value, an
 * operation without a result and an evaluation that takes too much are unknown; nothing is thrown
 * for them. Problems and reasons have offsets in the source.
 */
export type { Expression, Joined, Range, Tree } from './ast.js';
export type { Checked } from './check.js';
export { compile } from './compile.js';
export { evaluate, holds, type Outcome, type Verdict } from './evaluate.js';
export { ExpressionError, type Reason, type Scope } from './evaluation.js';
export { explain } from './explain.js';
export { parse, type Parsed } from './parse.js';
export type { Problem } from './problem.js';
export { chainsIn, namesIn } from './names.js';
export { type CompiledTemplate, compileTemplate, type Template } from './template.js';
export type { Names, ObjectType, Type } from './types.js';
