import { isAbsolute, join } from 'node:path';
import { programKey } from '../common/programs.js';
import type { Json } from '../language/json.js';
import type { Plan, ProgramName } from '../language/plan.js';
import type { RunbookSpec, StepSpec } from '../language/runbook.js';
import { programPlaces } from '../language/program-places.js';
import { isStepFile } from '../language/step-files.js';

/** The fields of a command that name programs; references of a template are not resolved. */
type Named = Readonly<Record<string, unknown>>;

/**
 * The programs that a command runs, as far as its arguments show. Its own files are none of them:
 * the plan covers those already.
 */
export function programsOf({ argv, cwd, env, files }: Named): ProgramName[] {
  const words: readonly Json[] = Array.isArray(argv) ? (argv as Json[]) : [];
  const { PATH: path } = (env ?? {}) as Readonly<Record<string, unknown>>;
  return programPlaces(words).flatMap(({ at, script, folders, path: set = path }) => {
    const name = words[at];
    if (typeof name !== 'string') return [];
    if ((script || name.includes('/')) && isStepFile(files as Json, name)) return [];
    if (isAbsolute(name)) return [{ name, ...(script ? { script } : {}) }];
    if (!script && !name.includes('/'))
      return [{ name, ...(typeof set === 'string' ? { path: set } : {}) }];
    const places: readonly unknown[] = [...(cwd === undefined ? [] : [cwd]), ...folders];
    // What is not known yet is looked at when it runs.
    if (!places.every((place) => typeof place === 'string')) return [];
    const [first, ...others] = places;
    const folder = others.reduce<string | undefined>(
      (before = '', next) => (isAbsolute(next) ? next : join(before, next)),
      first,
    );
    return [
      { name, ...(folder === undefined ? {} : { cwd: folder }), ...(script ? { script } : {}) },
    ];
  });
}

/** All programs that a plan names before it runs: in steps that are data, and in target facts. */
export function programsOfPlan(spec: RunbookSpec, plan: Plan): ProgramName[] {
  const inFacts = Object.entries(spec.inputs).flatMap(([name, input]): ProgramName[] => {
    const target = plan.targets.find((each) => each.name === plan.inputs[name]);
    const facts = input.type === 'target' ? (input.programs ?? []) : [];
    return facts.flatMap((fact) => programsOf({ argv: [target?.facts[fact]] }));
  });
  const ofPipelines = plan.targets.flatMap(({ pipeline }) => {
    const { dbt, program } = pipeline?.run ?? {};
    if (dbt) return programsOf({ argv: [dbt.program] });
    return program ? programsOf({ argv: [program.path, ...program.args] }) : [];
  });
  const all = [...inFacts, ...ofPipelines, ...plan.steps.flatMap(inStep)];
  return [...new Map(all.map((named) => [programKey(named), named])).values()];
}

function inStep({ work, steps = [] }: StepSpec): ProgramName[] {
  const actions = [work?.action, work?.verify, work?.check, work?.undo];
  return [...actions.flatMap(inAction), ...steps.flatMap(inStep)];
}

function inAction(action: Json | undefined): ProgramName[] {
  if (action === null || typeof action !== 'object' || Array.isArray(action)) return [];
  const { kind, probe, programMayChange } = action ?? {};
  if (kind === 'check') return inAction(probe);
  return kind === 'command' && programMayChange !== true ? programsOf(action) : [];
}
