import type { Json, JsonObject } from '../../json.js';
import { field, isObject } from '../../objects.js';
import { namesOf, undoneBy } from '../../paths.js';
import { nearest } from '../../nearest.js';
import { expand } from '../expand/document.js';
import { textIn } from '../expand/draft.js';
import { endings, type Library } from '../library.js';
import { isNamed, namedSteps, type NamedStep } from '../named-steps.js';
import type { Place, Places } from '../place.js';
import { problemAt, replacing, type Problem, type Said } from '../problem.js';
import type { Written } from '../read.js';

/*
 * Rules of test files: what they name is in the runbook.
 */

/** What a test says that its runbook does not have. */
export function testProblems(written: Written, library: Library): Problem[] {
  const { data, places, source } = written;
  const problems: Problem[] = [];
  const report = (place: Place, said: Said): void => void problems.push(problemAt(place, said));
  const id = textIn(data, 'test');
  if (id === '') return problems;
  const wanted = `${id}${endings.test}`;
  const [name] = /[^\\/]*$/.exec(source.file) ?? [''];
  if (name.endsWith(endings.test) && name !== wanted)
    report(places.of(data, 'test'), {
      rule: 'file-name',
      message: `the test of ${id} is called ${wanted}`,
      hint: 'rename the file, or write the id of its runbook',
    });
  const runbook = library.runbook(id);
  if (!runbook) {
    if (library.has(id, 'runbook')) {
      report(places.of(data, 'test'), {
        rule: 'unknown-runbook',
        message: `${id}${endings.runbook} has errors, so its test cannot be looked at`,
        hint: 'correct the runbook first: runbook lint says what is wrong',
      });
      return problems;
    }
    const meant = nearest(id, library.ids('runbook'));
    report(places.of(data, 'test'), {
      rule: 'unknown-runbook',
      message: `there is no file ${id}${endings.runbook} that can be read`,
      hint: meant === undefined ? 'a test stands beside its runbook' : `did you mean ${meant}?`,
      fix: meant === undefined ? undefined : replacing(places.of(data, 'test'), meant),
    });
    return problems;
  }
  if (Object.hasOwn(data, 'cases') && Object.hasOwn(data, 'expect'))
    report(places.nameOf(data, 'expect'), {
      rule: 'field-out-of-place',
      message: 'a file with cases expects something of each case',
      hint: 'put it into the case that it is about',
    });
  const names = new Names(namedSteps(runbook, library), places, report);
  const inputs = field(expand(runbook, library).data, 'inputs');
  for (const part of partsOf(data)) names.part(part, isObject(inputs) ? Object.keys(inputs) : []);
  return problems;
}

/** The document, and its cases. */
function partsOf(data: JsonObject): JsonObject[] {
  const cases = field(data, 'cases');
  const inner = Array.isArray(cases) ? cases.filter((each) => isObject(each)) : [];
  return [data, ...inner];
}

/** What is said of a name that the runbook does not have. */
interface Unknown {
  rule: 'unknown-input' | 'unknown-step';
  message: (name: string) => string;
}

const noInput: Unknown = {
  rule: 'unknown-input',
  message: (name) => `the runbook has no input ${name}`,
};
const noStep: Unknown = {
  rule: 'unknown-step',
  message: (name) => `the runbook has no step ${name}`,
};
const noOutcome: Unknown = {
  rule: 'unknown-step',
  message: (name) => `the runbook has no step ${name} that does something`,
};
const noGate: Unknown = {
  rule: 'unknown-step',
  message: (name) => `the runbook has no step ${name} with an approval`,
};

class Names {
  constructor(
    private readonly steps: readonly NamedStep[],
    private readonly places: Places,
    private readonly report: (place: Place, said: Said) => void,
  ) {}

  part(part: JsonObject, inputs: readonly string[]): void {
    const given = objectIn(part, 'given');
    const told = objectIn(given, 'inputs');
    for (const name of Object.keys(told)) {
      if (inputs.includes(name)) continue;
      this.unknown(this.places.nameOf(told, name), noInput, name, inputs);
    }
    const outcomes = objectIn(given, 'steps');
    const acting = this.steps.filter(({ kind }) => isActing(kind));
    for (const path of Object.keys(outcomes)) this.outcome(outcomes, path, acting);
    const answers = objectIn(part, 'answer');
    for (const path of Object.keys(answers)) {
      // People are asked about undos, too.
      const step = undoneBy(path) ?? path;
      this.path(this.places.nameOf(answers, path), step, this.steps, noStep);
    }
    const expected = objectIn(part, 'expect');
    this.listed(expected, 'path', this.steps, noStep);
    this.listed(
      expected,
      'gates',
      this.steps.filter(({ isGate }) => isGate),
      noGate,
    );
    this.listed(expected, 'undos', acting, noOutcome);
  }

  private outcome(outcomes: JsonObject, path: string, acting: readonly NamedStep[]): void {
    this.path(this.places.nameOf(outcomes, path), path, acting, noOutcome);
    const kind = acting.find((step) => isNamed(path, step))?.kind ?? '';
    const fields = field(answers, kind);
    if (!fields) return;
    for (const each of [field(outcomes, path) ?? null].flat()) {
      if (!isObject(each)) continue;
      for (const name of Object.keys(each))
        if (isAnswer(name) && !fields.includes(name))
          this.report(this.places.nameOf(each, name), {
            rule: 'outcome-field',
            message: `a ${kind} step has no ${name} to answer`,
            hint: `it has ${[...fields, 'failed', 'outputs'].join(', ')}`,
          });
    }
  }

  private listed(
    expected: JsonObject,
    key: string,
    steps: readonly NamedStep[],
    what: Unknown,
  ): void {
    const list = field(expected, key);
    if (!Array.isArray(list)) return;
    for (const [at, path] of list.entries())
      if (typeof path === 'string') this.path(this.places.of(list, at), path, steps, what);
  }

  private path(place: Place, path: string, steps: readonly NamedStep[], what: Unknown): void {
    if (steps.some((step) => isNamed(path, step))) return;
    this.unknown(
      place,
      what,
      path,
      steps.map((step) => step.path),
    );
  }

  private unknown(place: Place, what: Unknown, name: string, known: readonly string[]): void {
    const last = namesOf(name).at(-1) ?? name;
    const meant = known.find((path) => namesOf(path).at(-1) === last) ?? nearest(name, known);
    const first = known.slice(0, 8).join(', ');
    this.report(place, {
      rule: what.rule,
      message: what.message(name),
      hint: meant === undefined ? `there are ${first || 'none'}` : `did you mean ${meant}?`,
      fix: meant === undefined ? undefined : replacing(place, meant),
    });
  }
}

/** What steps of a kind answer, in the words of an outcome. Of a named action it is not known. */
const answers: Readonly<Record<string, readonly string[]>> = {
  command: ['stdout', 'stderr', 'exitCode', 'json'],
  script: ['stdout', 'stderr', 'exitCode', 'json'],
  http: ['status', 'json', 'text'],
  sql: ['rows'],
};

const isAnswer = (name: string): boolean =>
  Object.values(answers).some((fields) => fields.includes(name));

/** Whether a step of this kind has an outcome of its own. */
function isActing(kind: string): boolean {
  const others = ['steps', 'parallel', 'forEach', 'branch', 'case', 'runbook', 'approval'];
  return ![...others, 'set', 'succeed', 'fail', 'manual', 'wait', 'undoNow'].includes(kind);
}

function objectIn(from: JsonObject, key: string): JsonObject {
  const value: Json | undefined = field(from, key);
  return isObject(value) ? value : {};
}
