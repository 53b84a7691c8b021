import { StepFailure } from '../../failure.js';
import type { Group, Span } from './readings.js';

/*
 * Placeholders of declared queries. A value never becomes query text: in PromQL it is a quoted
 * string, in SQL a parameter.
 */

const inPromql = /\$(servers|addresses|version|window)\b/g;
const inSql = /\$(servers|addresses|version|from|until)\b/g;

/**
 * PromQL with its placeholders filled: `$servers` and `$addresses` are quoted regular expressions
 * that match exactly these (for `=~`), `$version` is a quoted string (for `=`), `$window` is the
 * duration of the span.
 * @throws StepFailure Configuration when a value that is asked for is not known
 */
export function filledPromql(query: string, group: Group, { from, until }: Span): string {
  return query.replace(inPromql, (placeholder, name: string) => {
    if (name === 'window') return `${Math.max(1, until.getTime() - from.getTime())}ms`;
    if (name === 'version') return quoted(known(group.version, placeholder));
    return quoted(listed(group, name).map(escaped).join('|'));
  });
}

/** Types of the placeholders that are no lists. */
const sqlTypes: Readonly<Record<string, string>> = {
  version: 'text',
  from: 'timestamptz',
  until: 'timestamptz',
};

/**
 * SQL with its placeholders as typed parameters, and their values: `$servers` and `$addresses`
 * text[], `$version` text, `$from` and `$until` timestamptz.
 * @throws StepFailure Configuration when a value that is asked for is not known
 */
export function parametersIn(
  query: string,
  group: Group,
  { from, until }: Span,
): { text: string; values: (string | string[])[] } {
  const names: string[] = [];
  const text = query.replace(inSql, (_, name: string) => {
    if (!names.includes(name)) names.push(name);
    return `$${names.indexOf(name) + 1}::${sqlTypes[name] ?? 'text[]'}`;
  });
  const values = names.map((name) => {
    if (name === 'from') return from.toISOString();
    if (name === 'until') return until.toISOString();
    return name === 'version' ? known(group.version, '$version') : [...listed(group, name)];
  });
  return { text, values };
}

function listed(group: Group, name: string): readonly string[] {
  const list = name === 'servers' ? group.servers : group.addresses;
  if (list.length > 0) return list;
  throw new StepFailure(
    'Configuration',
    `the query uses $${name}, and no proxy reports where ${group.servers.join(', ')} run`,
    {
      next: 'Use $servers or $version in the query, or declare the proxy in front of the target.',
    },
  );
}

function known(value: string | undefined, placeholder: string): string {
  if (value !== undefined) return value;
  throw new StepFailure(
    'Configuration',
    `the query uses ${placeholder}, which this step does not know`,
    {
      next: 'Use $servers in the query.',
    },
  );
}

/** Literally, in RE2. */
function escaped(value: string): string {
  return value.replace(/[\\.+*?()|[\]{}^$]/g, '\\$&');
}

/** A PromQL string: double quotes, with Go's escapes. */
function quoted(value: string): string {
  const hex = (sign: string): string => sign.charCodeAt(0).toString(16).padStart(2, '0');
  const escaped = value.replace(/[\\"]/g, '\\$&');
  return `"${escaped.replace(/[\u0000-\u001f\u007f]/g, (sign) => `\\x${hex(sign)}`)}"`;
}
