import { brokenWords, type BrokenRunbook } from '../language/broken-runbook.js';
import { digestOf } from '../language/digest.js';
import { isOfTargets, resolveInputs, targetsChosen } from '../language/inputs.js';
import type { JsonObject } from '../language/json.js';
import { digestsBehind } from '../language/library-digests.js';
import type { Plan, PlannedFile, Program } from '../language/plan.js';
import { stepsRunBy } from '../language/run-by.js';
import type { RunbookSpec } from '../language/runbook.js';
import { filesOfSteps } from '../language/step-files.js';
import type { Admission, RunSettings } from '../common/admission.js';
import { untouched } from '../common/lease.js';
import type { StartEnvelope } from '../common/envelope.js';
import type { Problem } from '../common/view.js';
import { channelKindOf, channelRule, type TargetDeclaration } from '../language/targets-file.js';
import { expand, targetsOf, type Expanded } from './nested-runbooks.js';
import { targetFactsIn } from '../language/target-facts.js';
import { findFiles, type FoundFile, type RunbookFolders } from './planned-files.js';
import { programsOfPlan } from './program-names.js';
import type { Programs } from './programs.js';
import { targetsOfSteps, type StepTargets } from './step-targets.js';
import type { Targets } from './targets.js';

type Refusal = Extract<Admission, { admitted: false }>;

export interface AdmissionDeps {
  catalogue: readonly RunbookSpec[];
  /** Files of the library that hold no runbook. */
  broken?: readonly BrokenRunbook[];
  /** Where the files beside runbooks lie. */
  folders?: RunbookFolders;
  targets: Pick<Targets, 'list' | 'find' | 'get' | 'planned' | 'facts'>;
  /** Digest of the workflow code that this worker runs. */
  procedure: string;
  settings: RunSettings;
}

/**
 * The only way to start a run, from the command line, a schedule, a trigger or another run: decides
 * whether the run may start, and freezes its plan. Changes nothing.
 */
export function admit(envelope: StartEnvelope, deps: AdmissionDeps): Admission {
  const spec = deps.catalogue.find((candidate) => candidate.id === envelope.runbook);
  const broken = deps.broken?.find(({ id }) => id === envelope.runbook);
  if (!spec && broken) {
    const next = `Correct ${broken.file} where the workers run, and start them again.`;
    return refused([{ type: 'Refused', message: brokenWords(broken), next }]);
  }
  if (!spec) {
    const unknown = refused([
      {
        type: 'Refused',
        message: `there is no runbook ${JSON.stringify(envelope.runbook)}`,
        next: 'List the runbooks',
        command: 'list',
      },
    ]);
    return { ...unknown, unknownRunbook: true };
  }
  if (spec.part) {
    const what = 'is a part: it stands inside other runbooks, and is not started alone';
    const message = `${spec.id} ${what}`;
    return refused([
      { type: 'Refused', message, next: 'Start a runbook that has it', command: 'list' },
    ]);
  }
  const resolved = resolveInputs(
    spec.inputs,
    envelope.inputs,
    deps.targets.list(),
    deps.targets.facts(),
  );
  if (!resolved.ok) return refused(resolved.problems);

  const mute = (envelope.notify ?? []).filter((name) => !isChannel(deps.targets.find(name)));
  if (mute.length > 0) return refused(mute.map(notAChannel));

  const open = envelope.drill ? notIsolated(spec, resolved.inputs, deps.targets) : [];
  if (open.length > 0) return refused(open);

  const expanded = expand(withStepsNeeded(spec, resolved.inputs, deps), resolved.inputs, deps);
  if ('problems' in expanded) return refused(expanded.problems);
  const declared = new Set(deps.targets.list().map(({ name }) => name));
  const acting = targetsOfSteps(expanded.steps, resolved.inputs, declared, deps.targets.facts());
  if ('problems' in acting) return refused(acting.problems);
  const touched = envelope.drill ? stepsNotIsolated(acting, deps.targets) : [];
  if (touched.length > 0) return refused(touched);
  const named = targetsNamed(spec, resolved.inputs, expanded, acting, deps.targets);
  if ('problems' in named) return refused(named.problems);
  const plan = freeze(spec, resolved.inputs, expanded.steps, named, deps, envelope.drill === true);
  const library = digestsBehind(spec, deps.catalogue);
  return asShown(envelope, {
    ...{ admitted: true as const, plan, settings: deps.settings },
    ...(Object.keys(library).length > 0 ? { library } : {}),
  });
}

/**
 * As `admit`, on the host where the steps will run: the plan also covers the content of their files
 * and programs there. System programs change with system updates, so only their path is covered.
 * @param kept the files that a run has already, whose inputs were changed
 * @returns with the bytes of the files that the plan names; of kept ones the record has them
 */
export async function admitHere(
  envelope: StartEnvelope,
  deps: AdmissionDeps,
  programs: Programs,
  kept?: readonly PlannedFile[],
): Promise<{ admission: Admission; files: readonly FoundFile[] }> {
  const { digest: _shown, ...asked } = envelope;
  const admission = admit(asked, deps);
  if (!admission.admitted) return { admission, files: [] };
  const spec = deps.catalogue.find(({ id }) => id === envelope.runbook) as RunbookSpec;
  const wanted = kept ? [] : filesOfSteps(admission.plan.steps, spec.id);
  const found = findFiles(wanted, deps.folders ?? new Map());
  if ('problems' in found) return { admission: refused(found.problems), files: [] };
  const named = programsOfPlan(spec, admission.plan);
  const there = await Promise.all(named.map((each) => programs.identify(each)));
  const files = kept ?? found.files.map(({ content: _content, ...file }) => file);
  const plan = withContents(admission.plan, { files, programs: there.map(covered) });
  return { admission: asShown(envelope, { ...admission, plan }), files: found.files };
}

/** Digests of the files that the runbooks of a plan were read from, by name. */
export function sourcesOf(
  ids: readonly string[],
  { folders }: Pick<AdmissionDeps, 'folders'>,
): Readonly<Record<string, string>> {
  return Object.assign({}, ...ids.map((id) => folders?.get(id)?.sources ?? {})) as Record<
    string,
    string
  >;
}

function isChannel(target: TargetDeclaration | undefined): boolean {
  return target !== undefined && channelKindOf(target) !== undefined;
}

function notAChannel(name: string): Problem {
  return {
    type: 'Refused',
    message:
      `${JSON.stringify(name)} cannot tell anybody: ` +
      'it is no channel in targets.yaml of the workers',
    next: `Name another one with --notify, or declare it: ${channelRule}.`,
  };
}

function covered({ digest, ...program }: Program): Program {
  return program.system || digest === undefined ? program : { ...program, digest };
}

function withContents(
  { digest, ...plan }: Plan,
  { files, programs }: { files: readonly PlannedFile[]; programs: readonly Program[] },
): Plan {
  if (files.length === 0 && programs.length === 0) return { ...plan, digest };
  const whole = {
    ...plan,
    ...(programs.length > 0 ? { programs } : {}),
    ...(files.length > 0 ? { files } : {}),
  };
  return { ...whole, digest: digestOf(whole) };
}

function asShown({ digest }: StartEnvelope, admission: Admission & { admitted: true }): Admission {
  const { plan } = admission;
  if (digest === undefined || digest === plan.digest) return admission;
  return refused([
    {
      type: 'Refused',
      message:
        'the plan has changed since it was shown: a target, the runbook, a file, a program ' +
        'or the code of the workers is different now',
      next: 'Look at the new plan',
      command: `plan ${plan.runbook.id}`,
    },
  ]);
}

/**
 * Checks inputs that people want to change in a live run.
 * @param before the inputs as they were given
 * @returns why they cannot be changed; null when they can
 */
export function refuseInputs(
  deps: AdmissionDeps,
  runbook: string,
  before: JsonObject,
  changed: JsonObject,
): string | null {
  const spec = deps.catalogue.find((candidate) => candidate.id === runbook);
  const target = Object.keys(changed).find((name) => {
    const input = spec?.inputs[name];
    return input !== undefined && isOfTargets(input);
  });
  // The run holds its targets, and its finished steps have acted on them.
  if (target !== undefined)
    return `A run keeps its targets: input ${target} cannot be changed. Start a new run.`;
  const inputs = { ...before, ...changed };
  const asked: StartEnvelope = {
    version: 1,
    id: '',
    verb: 'plan',
    run: '',
    by: '',
    reason: '',
    runbook,
    inputs,
  };
  const admission = admit(asked, deps);
  if (admission.admitted) return null;
  return [admission.problem.message, admission.problem.next].filter(Boolean).join('. ');
}

/** The runbook without the steps for pipelines that are run in another way than those given. */
function withStepsNeeded(
  spec: RunbookSpec,
  inputs: JsonObject,
  { targets }: AdmissionDeps,
): RunbookSpec {
  const pipelines = targetsOf(spec, inputs).flatMap((name) => targets.planned(name).pipeline ?? []);
  return { ...spec, steps: stepsRunBy(spec.steps, pipelines) };
}

/** Targets that a drill of the runbook would change, and must not. */
function notIsolated(
  spec: RunbookSpec,
  inputs: JsonObject,
  targets: AdmissionDeps['targets'],
): Problem[] {
  return Object.entries(spec.inputs).flatMap(([name, input]): Problem[] => {
    if (input.type === 'target' && input.observed) return [];
    return targetsChosen(input, inputs[name])
      .map((chosen) => targets.planned(chosen))
      .filter(({ kind, isolated }) => kind !== untouched && !isolated)
      .map((chosen) => ({
        type: 'Refused',
        message:
          `input ${name} names target ${chosen.name}, which is ` +
          'not isolated: a drill changes isolated targets only',
        next: 'Name a target that targets.yaml declares with `isolated: true`.',
      }));
  });
}

/** As `notIsolated`, for targets that the steps name. */
function stepsNotIsolated({ changed }: StepTargets, targets: AdmissionDeps['targets']): Problem[] {
  return changed
    .map((name) => targets.planned(name))
    .filter(({ kind, isolated }) => kind !== untouched && !isolated)
    .map(({ name }) => ({
      type: 'Refused',
      message:
        `steps change target ${name}, which is not ` +
        'isolated: a drill changes isolated targets only',
      next:
        'Take the target from an input, and name one that ' +
        'targets.yaml declares with `isolated: true`.',
    }));
}

/** The targets of a plan: what inputs and steps name, and what is read as a fact of these. */
function targetsNamed(
  spec: RunbookSpec,
  inputs: JsonObject,
  { steps, targets }: Expanded,
  acting: StepTargets,
  known: AdmissionDeps['targets'],
): StepTargets | { problems: Problem[] } {
  const changed = [...new Set([...targetsOf(spec, inputs), ...targets, ...acting.changed])];
  const all = new Set([...changed, ...acting.observed]);
  const factNames = targetFactsIn([steps, spec.outputs]);
  const problems: Problem[] = [];
  for (const name of all)
    for (const fact of factNames) {
      const value = known.get(name).facts[fact];
      for (const other of [value ?? []].flat()) {
        if (typeof other === 'string' && known.find(other)) all.add(other);
        else problems.push(noTarget(name, fact, other));
      }
    }
  const observed = [...all].filter((name) => !changed.includes(name));
  return problems.length > 0 ? { problems } : { changed, observed };
}

function noTarget(name: string, fact: string, value: unknown): Problem {
  return {
    type: 'Refused',
    message: `the fact ${fact} of target ${name} is ${JSON.stringify(value)}, which is no target`,
    next: 'Correct it in the targets.yaml of every worker.',
  };
}

function freeze(
  spec: RunbookSpec,
  inputs: JsonObject,
  steps: Plan['steps'],
  { changed, observed }: StepTargets,
  deps: AdmissionDeps,
  drill: boolean,
): Plan {
  const plan: Omit<Plan, 'digest'> = {
    version: 1,
    runbook: {
      id: spec.id,
      version: spec.version,
      title: spec.title,
      type: spec.type,
      priority: spec.priority,
    },
    inputs,
    targets: [
      ...changed.map((name) => deps.targets.planned(name)),
      ...observed.map((name) => ({ ...deps.targets.planned(name), observed: true as const })),
    ],
    steps,
    data: spec.data,
    outputs: spec.outputs,
    objectives: spec.objectives,
    ...(drill ? { drill: true } : {}),
    procedure: deps.procedure,
  };
  return { ...plan, digest: digestOf(plan) };
}

function refused(problems: Problem[]): Refusal {
  return { admitted: false, problem: problems[0] as Problem, problems };
}
