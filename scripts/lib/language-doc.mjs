/**
 * docs/language.md: every field of a runbook file and every function of its expressions, from the
 * schemas that `runbook lint` reads files with.
 */
import { macros } from '../../dist/language/expression/ast.js';
import { functions } from '../../dist/language/expression/functions.js';
import { limits } from '../../dist/language/expression/limits.js';
import { typeName } from '../../dist/language/expression/types.js';
import { actions, controls, kindsWith } from '../../dist/language/document/kinds.js';
import { commonFields, pollFields } from '../../dist/language/document/schema/action.js';
import { schemaText } from '../../dist/language/document/schema/json-schema.js';

const intro = `# The runbook language

Every field that a runbook file may have, and every function of its expressions. How to write one,
step by step: [writing-runbooks.md](writing-runbooks.md). An editor that reads JSON Schema offers
the same: \`runbook schema\` prints it. This page is made from the program (\`npm run docs\`).
`;

const expressionsIntro = `Conditions (\`when\`, \`until\`, \`expect\` …) are expressions in [CEL](https://cel.dev); other
values may contain them as \`\${…}\`, where \`$\${\` is a plain \`\${\`. They read these names:

| name | what it is |
|---|---|
| \`inputs.NAME\` | what the run was given |
| \`steps.ID.NAME\` | what an earlier step gave; \`steps.GROUP.ID\` inside a group |
| \`out\` | what the step itself answered: in its own \`expect\`, \`outputs\`, \`until\`, \`failWhen\` and \`inconclusiveWhen\` |
| \`item\` | the item of a \`forEach\` |
| \`run.id\`, \`run.short\` | the id of the run, and eight characters for names of what it makes |
| \`run.startedAt\`, \`run.requester\`, \`run.reason\` | when it was started, by whom and why |
| \`now\` | when the turn of the step came, in its \`when\` and the fields of its action or \`wait\`; on \`out\`, when it is judged |

Operators are those of CEL; lists have ${macros.map((name) => `\`${name}\``).join(', ')}.
\`has(x.y)\` says whether something is there, and \`x.?y.orValue(z)\` gives something else where it is not.

A condition is true, false or unknown. What is missing makes it unknown, and \`true || unknown\` is
true. Unknown is never taken for false: people are asked, and a poll goes on.
`;

/** The page. */
export function languagePage() {
  const { definitions } = JSON.parse(schemaText('runbook'));
  const action = JSON.parse(schemaText('action'));
  return [
    intro,
    section(
      2,
      'The file',
      'One document of YAML 1.2 with `runbook: ID`, or `part: ID` for what stands inside ' +
        'other runbooks only. Names that begin with `x-` are yours.',
    ),
    table(definitions.runbook),
    section(2, 'Inputs', 'Each input of `inputs`, and each answer of people.'),
    table(definitions.input),
    section(2, 'A step', 'A step has an `id` and one key that says what it does.'),
    table(definitions.step, isKind),
    ...[...actions, ...controls].flatMap((kind) => kindSection(kind, definitions.step)),
    section(3, 'Fields of every step', 'Those of the action stand in `undo` and `verify` too.'),
    table(definitions.step, isOfEvery),
    section(
      3,
      'Polls',
      'An action that reads and has `until` is repeated until that is true. `timeout` is ' +
        'the limit of the whole poll.',
    ),
    table(definitions.step, (name) => Object.hasOwn(pollFields, name)),
    section(3, 'A case of a branch', 'The first case whose `when` is true is taken.'),
    table(definitions.case),
    section(
      3,
      'approval',
      'Stands on the step that it is for; a step with nothing else is a gate for all that ' +
        'follows, up to the next gate.',
    ),
    table(definitions.approval),
    section(3, 'undo', 'An action with its fields, or one of these.'),
    table(definitions.undo, isNoAction),
    section(3, 'verify', 'An action with its fields, mostly a poll, and:'),
    table(definitions.verify, isNoAction),
    section(
      2,
      'A named action',
      'The file `ID.action.yaml`: an action with its fields, and these.',
    ),
    table(action, isNoAction),
    section(2, 'Expressions', expressionsIntro.trimEnd()),
    `An expression has at most ${limits.characters.toLocaleString('en')} characters and ` +
      `${limits.parts} parts, and takes at most ${limits.steps.toLocaleString('en')} steps.\n`,
    functionsTable(),
  ]
    .flat()
    .join('\n');
}

function section(depth, title, text) {
  return [`${'#'.repeat(depth)} ${title}\n`, ...(text === '' ? [] : [`${text}\n`])].join('\n');
}

/** What a kind of step has for itself; nothing for a kind without fields. */
function kindSection(kind, step) {
  const isOwn = (name) => !Object.hasOwn(pollFields, name) && kindsWith(name).includes(kind);
  if (!Object.keys(step.properties).some(isOwn)) return [];
  const { description } = step.properties[kind];
  return [
    section(3, `\`${kind}\``, description ? `${escaped(description)}.` : ''),
    table(step, isOwn),
  ];
}

function isOfEvery(name) {
  return !isKind(name) && kindsWith(name).length === 0;
}

function isKind(name) {
  return [...actions, ...controls].includes(name);
}

/** Fields that actions do not have everywhere. */
function isNoAction(name) {
  return (
    !actions.includes(name) &&
    !Object.hasOwn(commonFields, name) &&
    !kindsWith(name).some((kind) => actions.includes(kind))
  );
}

function table({ properties, required = [] }, isWanted = () => true) {
  const rows = Object.entries(properties)
    .filter(([name]) => isWanted(name))
    .map(([name, schema]) => {
      const needed = required.includes(name) ? ', required' : '';
      return `| \`${name}\` | ${formOf(schema)}${needed} | ${describe(schema)} |`;
    });
  return ['| field | form | what it is |', '|---|---|---|', ...rows, ''].join('\n');
}

function describe({ description = '' }) {
  return escaped(description);
}

const named = {
  value: 'value, `${…}` inside',
  template: 'text, `${…}` inside',
  expression: 'expression',
  duration: 'duration',
  'given-duration': 'duration or `${…}`',
};

/** The form of a field in a few words. */
function formOf(schema) {
  const { $ref, allOf, anyOf, type, items, pattern } = schema;
  if ($ref !== undefined) return referred($ref.replace('#/definitions/', ''));
  if (allOf?.length === 1) return formOf(allOf[0]);
  if (schema.enum) return schema.enum.map((each) => `\`${each}\``).join(', ');
  if (anyOf) return [...new Set(anyOf.map(formOf))].join(' or ');
  if (type === 'array') return `list of ${items === undefined ? 'values' : formOf(items)}`;
  if (type === 'object') return objectForm(schema);
  if (type === 'string') return pattern?.startsWith('^[a-z]') ? 'name' : 'text';
  return type ?? 'value';
}

function referred(name) {
  return named[name] ?? (name.startsWith('__') ? 'value' : name);
}

function objectForm({ properties, additionalProperties }) {
  if (properties) {
    const names = Object.keys(properties).map((name) => `\`${name}\``);
    return `{${names.join(', ')}}`;
  }
  return typeof additionalProperties === 'object'
    ? `map of ${formOf(additionalProperties)}`
    : 'map';
}

function functionsTable() {
  const rows = [...functions]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, { form, overloads }]) => {
      const calls = overloads.flatMap((each) => callsOf(name, form, each));
      return (
        `| \`${name}\` | ` +
        `${[...new Set(calls)].map((call) => `\`${escaped(call)}\``).join('<br>')} |`
      );
    });
  return ['| function | how it is called |', '|---|---|', ...rows, ''].join('\n');
}

function callsOf(name, form, { takes, repeats, gives }) {
  const [first, ...rest] = takes.map(paramName);
  const more = repeats ? ', …' : '';
  const result = typeof gives === 'function' ? '' : ` → ${typeName(gives)}`;
  const method = `${first}.${name}(${rest.join(', ')}${more})${result}`;
  const plain = `${name}(${takes.map(paramName).join(', ')}${more})${result}`;
  if (form === 'either') return [method, plain];
  return form === 'method' ? [method] : [plain];
}

function paramName(param) {
  if (param === 'any') return 'value';
  if (param === 'map') return 'object';
  return typeof param === 'object' ? 'list' : param;
}

function escaped(text) {
  return text.replaceAll('|', '\\|');
}
