import type { Admission } from '../common/admission.js';
import type { StartEnvelope } from '../common/envelope.js';
import { nextStep } from '../common/next-step.js';
import type { Problem } from '../common/view.js';
import { libraryDigests, type LibraryDigests } from '../language/library-digests.js';
import { CliError } from './errors.js';
import { exitCodes } from './exit-codes.js';
import { nearestHint } from './nearest.js';
import { remark } from './output.js';
import type { Session } from './session.js';

/**
 * What to do about a runbook that the workers do not have: one that was meant, or a library that
 * only this machine has.
 */
async function hintFor(session: Session, name: string): Promise<string | undefined> {
  const { libraryHint, readCatalogue } = await import('./catalogue.js');
  // A library that cannot be read here must not hide why nothing was started.
  const catalogue = await readCatalogue(session.io.env).catch(() => null);
  if (!catalogue) return undefined;
  const known = [...catalogue.runbooks, ...catalogue.broken].map(({ id }) => id);
  if (!known.includes(name)) {
    const near = nearestHint({ name, what: 'runbooks', known });
    return [libraryHint(session.io.env), near].filter(Boolean).join(' ');
  }
  const { taskQueue } = await session.temporal();
  return (
    `This machine has it, the workers of task queue ${taskQueue} do not. Give them this ` +
    'release and this library (RUNBOOK_LIBRARY), and start them again.'
  );
}

/** Says when the plan was made from other runbooks than those of this machine. */
async function tellDifference(session: Session, theirs: LibraryDigests): Promise<void> {
  const { readCatalogue } = await import('./catalogue.js');
  const { differenceOf, differenceWords } = await import('./compare-library.js');
  const { runbooks, parts } = await readCatalogue(session.io.env);
  const here = libraryDigests([...runbooks, ...parts]);
  const words = differenceWords(differenceOf(theirs, here));
  if (words !== null) remark(session.io, words);
}

/**
 * The plan and who holds its targets now, or every reason why there is none.
 * @param nothing what is so then, to begin the error with: `Nothing was started`
 * @param words what to say of a reason, where people gave no input by its name
 * @throws CliError with exit code 2, and 6 when no worker answers
 */
export async function admittedPlan(
  session: Session,
  nothing: string,
  envelope: StartEnvelope,
  words: (problem: Problem) => string = ({ message }) => message,
): Promise<Extract<Admission, { admitted: true }>> {
  const { NoWorker, previewPlan } = await import('./preview-plan.js');
  const admission = await previewPlan(session, envelope).catch((error: unknown) => {
    if (!(error instanceof NoWorker)) throw error;
    throw new CliError(`${error.message} ${nothing}.`, error.next, error.exitCode);
  });
  if (admission.admitted) {
    if (admission.library) await tellDifference(session, admission.library);
    return admission;
  }
  const problems = admission.problems?.length ? admission.problems : [admission.problem];
  const hint = admission.unknownRunbook ? await hintFor(session, envelope.runbook) : undefined;
  const lines = problems.map((problem) => {
    const next = problems.length > 1 ? nextStep(problem, session.command) : undefined;
    return `${words(problem)}${next ? `: ${next}` : ''}`;
  });
  const message =
    lines.length === 1
      ? `${nothing}: ${lines[0]}.`
      : `${nothing}:\n${lines.map((each) => `  - ${each}`).join('\n')}`;
  const next =
    hint ??
    (problems.length === 1
      ? (nextStep(admission.problem, session.command) ?? '')
      : `See what it needs with: ${session.command} show ${envelope.runbook}`);
  throw new CliError(message, next, exitCodes.usage);
}
