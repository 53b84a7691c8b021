import { targetText } from '../common/target-text.js';
import { rulesOfQuestion, type DecisionVerb } from '../common/questions.js';
import type { RunView, WaitView } from '../common/view.js';
import type { Session } from './session.js';
import { patience } from './settings.js';
import { withinMs } from './within-ms.js';

/** The last question before a decision is sent: it names the run and what the run acts on. */
export async function questionFor(
  session: Session,
  view: RunView,
  verb: DecisionVerb,
  wait?: WaitView,
): Promise<string> {
  const [first = '', ...rest] = verb.replace('-', ' ');
  const what = wait ? `${named(wait)} of ${view.id}` : view.id;
  const acts = view.targets.length === 0 ? '' : `, which acts on ${await targetsOf(session, view)}`;
  return `${first.toUpperCase()}${rest.join('')} ${what}${acts}?`;
}

/** The id of a wait for targets says itself that it is about one. */
function named({ kind, id }: WaitView): string {
  const { about } = rulesOfQuestion(kind);
  return about === 'target' ? id : `${about} ${id}`;
}

/** The targets of a run, each with its environment, or why that is not known. */
async function targetsOf(session: Session, { id, firstRunId, targets }: RunView): Promise<string> {
  const names = targetsText(targets.map((name) => ({ name })));
  if (session.databaseUrl === null)
    return `${names} (environment not known: the address of the record is not configured)`;
  const planned = await plannedTargets(session, { run: id, firstRunId });
  return planned === undefined
    ? `${names} (environment not known: the record does not answer)`
    : targetsText(planned);
}

/** Targets in a sentence, each with its environment where it is known. */
export function targetsText(targets: readonly { name: string; environment?: string }[]): string {
  return targets.map(targetText).join(', ') || 'no target';
}

/** Milliseconds that the record gets: a person waits for the question. */
const patienceMs = 2_000;

/** Undefined when the record cannot say, which must not keep anybody from deciding. */
async function plannedTargets(
  session: Session,
  key: { run: string; firstRunId: string },
): Promise<{ name: string; environment: string }[] | undefined> {
  const read = async () => {
    const pool = await session.record();
    const { planOf } = await import('../store/index.js');
    return pool ? (await planOf(pool, key)).plan?.targets : undefined;
  };
  return withinMs(
    read().catch(() => undefined),
    patienceMs * patience(session.io.env),
  );
}
