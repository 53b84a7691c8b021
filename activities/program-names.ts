import { isAbsolute } from 'node:path';
import { programKey } from '../common/programs.js';
import type { Json } from '../language/json.js';
import type { Plan, ProgramName } from '../language/plan.js';
import type { RunbookSpec, StepSpec } from '../language/runbook.js';
import { scriptPlace } from '../language/arguments.js';

/** What a command says of the programs that it runs; of a template only what is no reference. */
type Named = Readonly<Record<string, unknown>>;

/** The programs that a command runs: its first word, and a script that an interpreter is given. */
export function programsOf({ argv, cwd, env }: Named): ProgramName[] {
  const words: readonly unknown[] = Array.isArray(argv) ? (argv as unknown[]) : [];
  const [program] = words;
  if (typeof program !== 'string') return [];
  const { PATH: path } = (env ?? {}) as Readonly<Record<string, unknown>>;
  const from = typeof cwd === 'string' ? { cwd } : {};
  const script = words[scriptPlace(words as readonly Json[]) ?? words.length];
  return [
    program.includes('/')
      ? { name: program, ...(isAbsolute(program) ? {} : from) }
      : { name: program, ...(typeof path === 'string' ? { path } : {}) },
    ...(typeof script === 'string'
      ? [{ name: script, ...(isAbsolute(script) ? {} : from), script: true as const }]
      : []),
  ];
}

/** All that a plan names before it runs: in steps that are data, and in facts of its targets. */
export function programsOfPlan(spec: RunbookSpec, plan: Plan): ProgramName[] {
  const inFacts = Object.entries(spec.inputs).flatMap(([name, input]): ProgramName[] => {
    const target = plan.targets.find((each) => each.name === plan.inputs[name]);
    const facts = input.type === 'target' ? (input.programs ?? []) : [];
    return facts.flatMap((fact) => programsOf({ argv: [target?.facts[fact]] }));
  });
  const all = [...inFacts, ...plan.steps.flatMap(inStep)];
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
