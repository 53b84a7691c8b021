import type { Problem } from './view.js';

/**
 * What to do next about a problem, for people. Its command carries no name of the command line:
 * what that is called is known only where the text is read.
 * @param name of the command line there
 */
export function nextStep(
  { next, command }: Pick<Problem, 'next' | 'command'>,
  name: string,
): string | undefined {
  if (next === undefined || command === undefined) return next;
  return `${next} with: ${name} ${command}`;
}

/**
 * A problem and what to do next about it, in one line.
 * @param name as of `nextStep`
 */
export function problemLine(problem: Problem, name: string): string {
  return [problem.message, nextStep(problem, name)].filter(Boolean).join('. ');
}
