import { expand } from './expand/document.js';
import { Library } from './library.js';
import { problemAt, inOrder, type Problem } from './problem.js';
import { read, type Written } from './read.js';
import { actions } from './rules/actions.js';
import { effects, readLimit, transactions } from './rules/effects.js';
import { files } from './rules/files.js';
import { gates, standing } from './rules/gates.js';
import { handed } from './rules/handed.js';
import { hosts } from './rules/hosts.js';
import { loops } from './rules/loops.js';
import { madeIds } from './rules/made-ids.js';
import { groups, ids, polls, stepKind } from './rules/kinds.js';
import { names } from './rules/names.js';
import type { Context, DocumentRule, SpotRule } from './rules/rule.js';
import { spotsOf } from './rules/spots.js';
import { literalTexts, programs, programTexts } from './rules/texts.js';
import { targetKinds } from './rules/target-kinds.js';
import { Types } from './rules/types.js';
import { declared, used } from './rules/used.js';
import { sqlPlaces } from './rules/sql-places.js';
import { testProblems } from './rules/test.js';
import { documentProblems } from './rules/written.js';
import { shapeProblems } from './shape.js';
import { shapeOf, sortOf, type Sort } from './sort.js';

const spotRules: readonly SpotRule[] = [
  ...[stepKind, ids, madeIds, polls, groups, effects, transactions, actions],
  ...[programTexts, literalTexts, programs, gates, used, names, hosts, loops, sqlPlaces, files],
  ...[handed, targetKinds],
];
const documentRules: readonly DocumentRule[] = [readLimit, standing, declared];

/**
 * Everything that is wrong with a file.
 * @param file its path, as people know it
 * @param library what it refers to by name
 */
export function lint(text: string, file: string, library = new Library()): Problem[] {
  const written = read(text, file);
  return written.data ? lintWritten(written, library) : written.problems;
}

/** As `lint`, of a file that was read already. */
export function lintWritten(written: Written, library: Library): Problem[] {
  const sort = sortOf(written.data, written.source.file);
  const shape = shapeProblems(written.data, written.places, shapeOf(sort));
  const found = [...written.problems, ...shape];
  return inOrder([...found, ...quietened(ruleProblems(written, sort, library), shape)]);
}

/** What the rules say of a file, in long form where it has one. */
function ruleProblems(written: Written, sort: Sort, library: Library): Problem[] {
  if (sort === 'inputGroups' || sort === 'kinds') return [];
  if (sort === 'test') return testProblems(written, library);
  const { data: long, places, problems: found } = expand(written, library);
  const problems: Problem[] = [...documentProblems(written, sort, library), ...found];
  const types = new Types(library);
  const spots = spotsOf(long, library, types);
  const context: Context = {
    ...{ sort, long, places, library, types, spots },
    report: (place, said) => {
      // The mistakes of what is inserted are told where it is written.
      if (place.source === written.source) problems.push(problemAt(place, said));
    },
  };
  for (const spot of spots) for (const rule of spotRules) rule(spot, context);
  for (const rule of documentRules) rule(context);
  return problems;
}

/** What follows from a mistake of shape: a mistyped field leaves a step without its own. */
const followers: ReadonlySet<string> = new Set([
  ...[
    'step-kind',
    'effect-missing',
    'undo-missing',
    'title-missing',
    'id-missing',
    'input-missing',
  ],
  ...['field-out-of-place', 'poll-without-timeout', 'unknown-output', 'input-form'],
]);

/** Leaves out what only follows from a mistake of shape near it. */
function quietened(problems: readonly Problem[], shape: readonly Problem[]): Problem[] {
  const causes = shape.filter(({ rule }) => rule !== 'field-missing' && rule !== 'duration-unit');
  return problems.filter(
    ({ rule, line }) =>
      !followers.has(rule) || !causes.some((cause) => Math.abs(cause.line - line) <= 12),
  );
}
