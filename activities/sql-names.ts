import pg from 'pg';
import type { SqlAction } from '../language/kinds/sql.js';
import { notAName, quoted } from '../language/sql-name.js';
import { notALiteral, sqlParts } from '../language/sql-text.js';
import { StepFailure } from './failure.js';

/** How names and values are quoted. */
interface Quoting {
  name: (text: string) => string;
  literal: (text: string) => string;
}

const quoting: Quoting = { name: quoted, literal: pg.escapeLiteral };

/**
 * The text of a statement with its quoted names and values. What stands in it otherwise is the
 * runbook's own.
 * @throws StepFailure SqlRejected where a value can be none
 */
export function statementText(
  text: string,
  { identifiers = {}, literals = {} }: Pick<SqlAction, 'identifiers' | 'literals'>,
  { name, literal }: Quoting = quoting,
): string {
  const names = [...Object.keys(identifiers), ...Object.keys(literals)];
  const cut = sqlParts(text, names);
  if ('problem' in cut) throw invalid(cut.problem.place, cut.problem.message);
  return cut.parts
    .map((part) => {
      if (typeof part === 'string') return part;
      const { place } = part;
      const isName = Object.hasOwn(identifiers, place);
      const value: unknown = isName ? identifiers[place] : literals[place];
      const why = isName ? notAName(value) : notALiteral(value);
      if (why !== null) throw invalid(place, why);
      return isName ? name(String(value)) : literal(String(value));
    })
    .join('');
}

function invalid(place: string, why: string): StepFailure {
  return new StepFailure('SqlRejected', `the value of {${place}} ${why}; nothing was sent`, {
    next: 'Look at what it was taken from.',
  });
}
