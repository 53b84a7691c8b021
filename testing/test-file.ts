import type { FailureType } from '../common/failures.js';
import type { RunState } from '../common/view.js';
import type { Library } from '../language/document/library.js';
import { lint } from '../language/document/lint.js';
import { comparable, namedSteps, type NamedStep } from '../language/document/named-steps.js';
import type { Place, Places } from '../language/document/place.js';
import type { Problem } from '../language/document/problem.js';
import { read } from '../language/document/read.js';
import {
  expectedStates,
  outcomeFailures,
  type ExpectedState,
  type GivenTarget,
  type Outcome,
  type Outcomes,
} from '../language/document/schema/test.js';
import { toSpec } from '../language/document/to-spec.js';
import type { JsonObject } from '../language/json.js';
import type { RunbookSpec, StepSpec } from '../language/runbook.js';
import type { DeskVerb } from '../common/questions.js';

// The language cannot know them; here the compiler compares.
expectedStates satisfies readonly RunState[];
outcomeFailures satisfies readonly FailureType[];

/** A verb, a case of a branch, or `nobody`; or a verb with what goes with it. */
export type Answer = string | { [verb in DeskVerb | 'approve' | 'reject']?: string | JsonObject };

/** What a case expects; what is absent may be anything. */
interface Expected {
  path?: readonly string[];
  gates?: readonly string[];
  undos?: readonly string[];
  state?: ExpectedState;
  outputs?: JsonObject;
}

/** One case, with what stands beside all cases of its file. */
export interface TestCase {
  name: string;
  inputs: JsonObject;
  targets: Readonly<Record<string, GivenTarget>>;
  /** Outcomes by comparable path; attempts or polls in turn. */
  outcomes: ReadonlyMap<string, readonly Outcome[]>;
  answers: ReadonlyMap<string, readonly Answer[]>;
  expected: Expected;
  /** Where the case begins, and where each thing that it expects is written. */
  place: Place;
  placeOf(expected: keyof Expected, at?: number): Place;
  /** Comparable paths of answers that other cases of the file have too. */
  sharedAnswers: ReadonlySet<string>;
  /** Where the case says an answer. @param path comparable */
  placeOfAnswer(path: string): Place;
}

/** A test file that can be run. */
export interface RunbookTest {
  file: string;
  runbook: RunbookSpec;
  /** The runbook, and those inside it. */
  catalogue: readonly RunbookSpec[];
  steps: readonly NamedStep[];
  cases: readonly TestCase[];
}

/** Reads a test file and its runbook; every mistake of both where there are any. */
export function readTest(
  text: string,
  file: string,
  library: Library,
): { test: RunbookTest } | { problems: Problem[] } {
  const wrong = errorsOf(lint(text, file, library));
  const written = read(text, file);
  if (wrong.length > 0 || !written.data) return { problems: wrong };
  const id = (written.data as { test?: string }).test ?? '';
  const specs = catalogueFor(id, library);
  if ('problems' in specs) return specs;
  const [runbook] = specs.catalogue;
  const source = library.runbook(id);
  // Lint has found the file.
  if (!runbook || !source) return { problems: [] };
  return {
    test: {
      ...{ file, runbook, catalogue: specs.catalogue },
      steps: namedSteps(source, library),
      cases: casesOf(written.data, written.places),
    },
  };
}

const errorsOf = (problems: readonly Problem[]): Problem[] =>
  problems.filter(({ severity }) => severity === 'error');

/** The runbook and all that it contains, as workers have them. */
function catalogueFor(
  id: string,
  library: Library,
): { catalogue: RunbookSpec[] } | { problems: Problem[] } {
  const catalogue: RunbookSpec[] = [];
  const wanted = [id];
  for (let next = wanted.shift(); next !== undefined; next = wanted.shift()) {
    const written = library.runbook(next);
    if (!written || catalogue.some((spec) => spec.id === next)) continue;
    const { source } = written;
    const wrong = errorsOf(lint(source.text, source.file, library));
    if (wrong.length > 0) return { problems: wrong };
    const made = toSpec(written, library);
    if ('problems' in made) return { problems: made.problems };
    catalogue.push(made.spec);
    wanted.push(...nestedIn(made.spec.steps));
  }
  return { catalogue };
}

function nestedIn(steps: readonly StepSpec[]): string[] {
  return steps.flatMap(({ runbook, steps: inner = [] }) => [
    ...(runbook === undefined ? [] : [runbook]),
    ...nestedIn(inner),
  ]);
}

/** As the schema has it. */
interface Part extends JsonObject {
  case: string;
  given: { inputs?: JsonObject; targets?: JsonObject; steps?: JsonObject };
  answer: JsonObject;
  expect: JsonObject;
}

function casesOf(data: JsonObject, places: Places): TestCase[] {
  const whole = data as Partial<Part>;
  const cases = data['cases'] as Partial<Part>[] | undefined;
  const parts = cases ?? [whole];
  const id = typeof data['test'] === 'string' ? data['test'] : '';
  return parts.map((part): TestCase => {
    const around = part === whole ? [whole] : [whole, part];
    const { expect = {}, answer = {} } = part;
    const shared = part === whole ? {} : (whole.answer ?? {});
    return {
      name: part.case ?? id,
      inputs: Object.assign({}, ...around.map(({ given }) => given?.inputs ?? {})) as JsonObject,
      targets: Object.assign({}, ...around.map(({ given }) => given?.targets ?? {})) as Record<
        string,
        GivenTarget
      >,
      outcomes: byPath(around.map(({ given }) => given?.steps ?? {})),
      answers: byPath(around.map(({ answer }) => answer ?? {})),
      expected: expect,
      place: part === whole ? places.nameOf(data, 'test') : places.nameOf(part, 'case'),
      sharedAnswers: new Set(Object.keys(shared).map(comparable)),
      placeOfAnswer: (path) => {
        const name = Object.keys(answer).find((each) => comparable(each) === path) ?? path;
        return places.nameOf(answer, name);
      },
      placeOf: (key, at) => {
        const list = expect[key];
        if (at !== undefined && Array.isArray(list) && at < list.length) return places.of(list, at);
        return Object.hasOwn(expect, key)
          ? places.nameOf(expect, key)
          : places.nameOf(part, part === whole ? 'test' : 'case');
      },
    };
  });
}

/** Later ones replace earlier ones. */
function byPath<T>(parts: readonly JsonObject[]): Map<string, T[]> {
  const all = parts.flatMap((part) => Object.entries(part));
  return new Map(all.map(([path, value]) => [comparable(path), [value].flat() as T[]]));
}

/** The outcomes of something, in turn. */
export function inTurn(outcomes: Outcomes | undefined): readonly Outcome[] | undefined {
  return outcomes === undefined ? undefined : [outcomes].flat();
}
