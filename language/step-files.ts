import type { Json, JsonObject } from './json.js';
import { isObject } from './objects.js';
import type { PlannedFile } from './plan.js';
import type { StepSpec } from './runbook.js';

/*
 * Files beside a runbook that its steps use. Their bytes are frozen at admission, and a step finds
 * them in the folder in which it runs, each under the last part of its name.
 */

export const fileLimits = {
  /** Bytes of one file. */
  bytes: 1024 ** 2,
  /** Bytes of all files of a plan. */
  allBytes: 4 * 1024 ** 2,
};

/** A file as a runbook names it. */
export type NamedFile = Pick<PlannedFile, 'runbook' | 'name'>;

const part = '[A-Za-z0-9_][A-Za-z0-9._-]*';
const pattern = new RegExp(`^(?=.{1,200}$)${part}(?:/${part})*$`);

/** Why nothing is looked up by this name; undefined when it may be. */
export function wrongFileName(name: string): string | undefined {
  if (pattern.test(name)) return undefined;
  return (
    'the name of a file leads from the folder of the ' +
    'runbook downwards, in letters, digits, ".", "_" and "-"'
  );
}

/** Its name in the folder in which the step runs. */
export function placedName(name: string): string {
  // eslint-disable-next-line layers/step-paths -- a file's path
  return name.slice(name.lastIndexOf('/') + 1);
}

/** Whether a program's name means one of the files, in the folder in which the step runs. */
export function isStepFile(files: Json | undefined, program: string): boolean {
  const names = Array.isArray(files) ? files.filter((each) => typeof each === 'string') : [];
  return names.some((name) => placedName(name) === program.replace(/^(?:\.\/)+/, ''));
}

/**
 * The files of steps with nested runbooks expanded, each once.
 * @param runbook whose steps these are
 */
export function filesOfSteps(steps: readonly StepSpec[], runbook: string): NamedFile[] {
  const all = steps.flatMap(({ work, kind, runbook: nested, steps: inner = [] }) => [
    ...[work?.action, work?.verify, work?.check, work?.undo].flatMap((each) =>
      filesOf(each).map((name) => ({ runbook, name })),
    ),
    ...filesOfSteps(inner, kind === 'runbook' && nested !== undefined ? nested : runbook),
  ]);
  return [...new Map(all.map((each) => [`${each.runbook} ${each.name}`, each])).values()];
}

function filesOf(action: JsonObject | undefined): string[] {
  const { files = [], probe = null } = action ?? {};
  const own = Array.isArray(files) ? files.filter((each) => typeof each === 'string') : [];
  return [...own, ...(isObject(probe) ? filesOf(probe) : [])];
}
