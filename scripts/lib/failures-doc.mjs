/**
 * docs/failures.md: one entry for each type of failure, from common/failures.ts and the advice
 * below.
 */
import { readFileSync } from 'node:fs';

const classes = {
  permanent: 'Permanent: trying again cannot help, so it is not tried again.',
  transient:
    "Transient: tried again as the step's `retry` says; without one three times in all " +
    'where nothing was done, else once ([how often a step is ' +
    'tried](operating.md#how-often-a-step-is-tried)).',
  waiting:
    "Waiting: the platform's own trouble. It uses up none of " +
    "the step's attempts; the step goes on when it is over.",
};

/**
 * What an operator does about it. A type without advice cannot be documented, and the generator
 * says so.
 */
const advice = {
  Refused:
    'Nothing was started and nothing was changed. The message names every input that is ' +
    'wrong; correct them and start again. `runbook show RUNBOOK` lists the inputs with ' +
    'their types, `runbook plan` tries them without starting.',
  HttpRejected:
    'The other side understood the request and said no; its own words are in the message. ' +
    'Look whether the thing that the step names still exists, and whether it is in the ' +
    'state that the step expects (`runbook history RUN`).',
  HttpDenied:
    'The token is wrong, has expired, or may not do this. The message names the secret. ' +
    'Check where `secrets.yaml` on the worker takes it from, correct it there, and start ' +
    'again; the run stopped before it changed anything with it.',
  HttpUnavailable:
    'The service answers but cannot work now. A `Retry-After` that it sends is kept to, ' +
    'seconds or a date, up to five minutes. Where it says that it has done nothing (425, ' +
    '429, 503 with `Retry-After`), the step is tried again whatever it does. If the ' +
    'attempts are used up, look at the service first, then start the run again.',
  TlsRefused:
    'Nothing was sent: the certificate of the other side is not accepted, or one of the two ' +
    'sides does not speak TLS there. The reason is in the message. A certificate of your ' +
    'own authority: name its file with `ca` beside the address in `targets.yaml`, for all ' +
    'targets at once with `NODE_EXTRA_CA_CERTS` in the environment of the workers.',
  Unreachable:
    'Nobody listens at the address, its name is unknown, or the ' +
    'connection was lost. Check the address in `targets.yaml` ' +
    'and whether the service is up, from the host of the worker.',
  NoAnswer:
    'The request may have arrived and may have had its effect; nobody ' +
    'knows. Steps that change something send an `Idempotency-Key`, so that ' +
    'trying again has the effect once where the service keeps to it. If ' +
    'the step failed for good, look at the service before you start again.',
  SqlDenied:
    'The password is wrong, or the role may not do this. Check the secret that the target ' +
    'names, and the rights of the role.',
  SqlRejected:
    'The statement is wrong for this database, or a constraint refused it. The transaction ' +
    'was rolled back as a whole: nothing of the step is in the database. This is usually a ' +
    'fault of the runbook, or of a schema that has moved on.',
  SqlTransient:
    'A deadlock, a conflict between transactions, a lock that was not to be ' +
    'had in time, or a server that is stopping. The transaction was rolled ' +
    'back as a whole. If it stays, look for who holds the lock: `SELECT * ' +
    'FROM pg_stat_activity`; our own sessions show `runbook/<run>/<step>`.',
  CommandFailed:
    'The program ended with a code that does not count as success. ' +
    'The code and the end of its error output are in the message; ' +
    'everything that it wrote is in `runbook logs RUN STEP`.',
  CommandMissing:
    'Nothing was started. The program, the interpreter in its first line or the working ' +
    'directory is not on this worker, or may not be used; the message says which. Install ' +
    'it on every worker of the task queue, or correct the path in the step.',
  ProgramChanged:
    'Find out who changed the program, and why. Approve it anew at its gate or, where none ' +
    'was approved, `retry`: what is there now runs then. A program that was put back runs ' +
    'too. A step whose program the run itself changes says `programMayChange`.',
  CommandInvalid:
    'Nothing was started: the system takes no such arguments, or a value ' +
    'stands where a program would read code or an option. Correct the ' +
    'input that the value comes from, or the step: long values go through ' +
    'a file, values that may begin with - stand after a literal `--`.',
  CommandNotStarted:
    'Nothing was started, so the step is tried again whatever it does: the program file is ' +
    'being written, or the host has no room left for the journal, no memory or no process. ' +
    'The message says which. `runbook doctor` looks at the disk of the journals.',
  StepTimeout:
    'The attempt was ended, with every process that it had started. Look at its output for ' +
    'where it hung. If the work simply takes longer, the limit belongs to the runbook.',
  NotDone:
    "An attempt broke off, and the step's own check showed that nothing had been done: the " +
    'step is tried again by itself.',
  Inconclusive:
    'What was measured says neither good nor bad: too few requests came, or nobody tells ' +
    'how long they took. Look at the release yourself, then decide: `retry` measures again, ' +
    '`skip` goes on with it, `rollback` takes it back.',
  Disturbed:
    'Somebody else has changed the Deployment while the run was changing it; the message ' +
    'says what differs, and where Kubernetes knows it with which program and when. Their ' +
    'change stands, unless the message says that it came in the same moment: then it is a ' +
    'revision of its own (`kubectl rollout history`). Talk to them first. While the run ' +
    'goes forward, `retry` looks again (after they have put it back), `skip` goes on with ' +
    'what is there, `rollback` and `abort` end the run. While it rolls back, `retry` looks ' +
    'again, `done` says that you have put it right by hand, and `abort` leaves it as it is.',
  AnswerUnusable:
    'The step did what it was to do, and what was answered cannot be read, lacks what is ' +
    'needed, held a secret, or is too large to be handed on. The message says what came. ' +
    'Correct the program, the path or the `outputs`; before `retry`, see whether the step ' +
    'may be done twice. A transaction of `sql` was rolled back: nothing was changed.',
  RunbookFailed:
    'Read the message: the author of the runbook has said what it means. `retry` looks ' +
    'again whether the step has to fail; `skip` goes on.',
  CheckFailed:
    'What was being waited for can no longer come: the condition that ends the wait early ' +
    'was met. The last thing that was seen is in the message.',
  VerifyFailed:
    'The step ran, and what it left is not what it promised. What was expected is in the ' +
    'message. Do not simply repeat a step that changed something: look first.',
  Configuration:
    'A target or a secret is missing on the worker, or a secret may not go to this target. ' +
    'Correct `targets.yaml` or `secrets.yaml` on every worker of the task queue; they are ' +
    'read again without a restart. See [targets-and-secrets.md](targets-and-secrets.md).',
  WorkerLost:
    'The worker died again and again while it did this step. Look at its log and at the ' +
    'memory of its host: the step itself may be what kills it.',
  OutcomeUnknown:
    'The step had begun, and nobody can know whether it acted or how that ended: ' +
    'its host is gone or was restarted, what watched it died, or a request that ' +
    'may have arrived was not answered, be it that its time ran out, or was ' +
    'answered with 408 or 5xx, which does not say whether anything was done. It ' +
    'is never repeated on its own. Look at what it was to change, then decide.',
  LeaseLost:
    'Somebody took the target over for another run; who, when and why is in the message. ' +
    'Steps that change the target are refused from then on, undos too. Look at what that ' +
    'run did. While it goes on, `retry`, `skip` and `done` are refused; when it has ended, ' +
    'they claim the target again and the run goes on, `abort` ends the run and leaves ' +
    'everything as it is. After an undo that was refused, take that step back by hand.',
  TargetHeld:
    'Two runs never change one target at the same time. The run begins by itself when the ' +
    'other one has ended. `runbook leases` lists who holds what; `runbook take-over RUN ' +
    '--reason TEXT` takes the target from a run that will not end, which then changes ' +
    'nothing more there. `runbook start --if-held refuse` ends instead of waiting.',
  OnAnotherHost:
    'A command that was started belongs to its host: only a worker there can follow it or ' +
    'read its outcome. The run asks that host first, for `RUNBOOK_HOST_WAIT_MS`. Start a ' +
    'worker on the host that the message names, with the same `RUNBOOK_JOURNALS`. When none ' +
    'comes in time, the outcome is unknown (OutcomeUnknown), or the step is done again ' +
    'elsewhere if it says `idempotent` or only reads.',
  OutOfPlace:
    'A worker was asked to do something in the name of a run, by something that is not that ' +
    'run. Nothing was done: no secret was resolved, and nothing was written down. The ' +
    'message says who asked. Somebody, or some program, that can reach the Temporal server ' +
    'starts our activities or workflows by itself: find out who may (`temporal operator`, ' +
    'the certificates and API keys of the namespace), see ' +
    '[operating.md](operating.md#who-can-have-something-done). A run of this program never ' +
    'ends so; if one did, its workers and its command line name different task queues.',
  NotConfirmed:
    'A step begins only if the record agrees with what the run was told before: that the ' +
    'steps before it have ended, with these outputs, and that these decisions were judged ' +
    'good. It did not begin. Whoever reaches the Temporal server can complete an activity ' +
    'by its id while the command still runs, or answer for the worker that judges a ' +
    'decision: find out who did (`runbook history RUN` shows what the record has). The ' +
    'message says what differs. When the record has another output, or none (also after ' +
    'PostgreSQL was restored from an older backup), look at what is there: `retry` goes on ' +
    'with what the run was told, and is recorded with your reason; `abort` and `start ' +
    '--from` take what the record has. A decision that the record does not have as accepted ' +
    'has to be made again in a new run.',
  StillRuns:
    'The run was told that a step has ended, and in the record it still runs: somebody has ' +
    'completed its activity by its id (see NotConfirmed). The worker that does that step ' +
    'notices, follows what it began to its end, and writes down how it ended. Wait for that ' +
    '(`runbook history RUN`), then `retry`: the step begins if what was told is true; if it ' +
    'is not, it asks again, with NotConfirmed. When that worker has died meanwhile, nobody ' +
    'follows: `abort`, and `start --from`.',
  NotAsPlanned:
    'A worker does what the plan in the record says, and holds each request against it: the ' +
    'step, its kind, effect and target, the approvals that it needs, what their gates have ' +
    'listed, and for a runbook that is data every argument, from the recorded inputs and ' +
    'outputs, and that the steps before it are settled. What was asked for differs, the ' +
    'message says where, and nothing was done. The workflow code that asks is not the one ' +
    'that this plan was made for, or is none of ours: find out which workers take the ' +
    'workflow tasks of the queue. Where people let a run go on with a result that the ' +
    'record does not have (see NotConfirmed), `retry` takes what the plan refers to in ' +
    'outputs as the run was told it; and the step begins although the record does not have ' +
    'a step before it; everything else stays as planned.',
  ApprovalOutdated:
    'The approval that the step needs was given before people changed inputs, ' +
    'or before its gate asked again, for other code, programs or inputs. It ' +
    'does not count any more. Nothing was done: the gate asks once more, by ' +
    'itself where it can, and the step begins when it is approved.',
  TemporalUnavailable:
    'The Temporal server did not answer which run asks for the step. Nothing was done; the ' +
    'step asks again by itself. If it stays, look at the server: `runbook doctor`.',
  RecordUnavailable:
    'PostgreSQL, which keeps the record, is away. No new effect begins; what runs goes on, ' +
    'and is written down when it is back. Bring PostgreSQL back: nothing else is needed. ' +
    '`runbook doctor` says whether it can be reached.',
  ProcedureStopped:
    'The runbook itself found that going on would be wrong, and says why. Nothing was tried ' +
    'again. `runbook status RUN` shows which steps were done and which were undone.',
  Error:
    'Either a fault of the program, or a failure that another release, or something else ' +
    'than a worker of ours, has told. Report it with the run id and the message.',
  Rejected:
    'The approver said no; the reason is in the message. What was changed before the gate ' +
    'is undone. Talk to them, then start anew.',
  Expired:
    'Nobody decided in time; silence is never a yes. What was changed before the gate is ' +
    'undone. Start again when somebody is there to decide.',
  Manual:
    'The step is done by people. The message says what is to be done; answer with `runbook ' +
    'done RUN STEP`, or with one of the other commands that `runbook status RUN` shows.',
  Cancelled:
    'What ran was ended first, then the changes were undone. ' +
    '`runbook report RUN` shows what was done and undone.',
  RolledBack:
    'Somebody had the run rolled back; who and why is in ' +
    'the message. `runbook report RUN` shows each undo.',
  Aborted:
    'Somebody ended the run and left everything as it is; who and why is in the message. ' +
    'The run names the changes that stay: undo them by hand where they must not.',
  Terminated:
    'The run was ended in Temporal itself, so it could undo nothing. Look at the last steps ' +
    'and at the target; then go on with `runbook start RUNBOOK --from RUN`.',
  RunFailed:
    'The workflow ended in Temporal in a way that the run could not write down. Look at its ' +
    'page in the Temporal UI, then go on with `runbook start RUNBOOK --from RUN`.',
  WorkflowFails:
    'The code of the runbook has a fault, or no longer fits what the run has done. Deploy a ' +
    'release that is right; the run goes on by itself.',
  CodeGone: 'Deploy a release that has the runbook; the run goes on by itself.',
  NoWorker: 'Start workers on the task queue that the message names; the run goes on by itself.',
  RecordFails:
    'PostgreSQL answers and refuses what the run tells it; its words are in the message. ' +
    'Put the record right; the run goes on by itself.',
};

/** @returns {string} the page */
export function failuresPage() {
  const source = readFileSync(new URL('../../common/failures.ts', import.meta.url), 'utf8');
  // Comments of one line and of several; none of them contains another's end.
  const entries = [
    ...source
      .replaceAll(/\n {3}\*(?!\/) ?|\n {3}(?=\*\/)/g, ' ')
      .matchAll(/\/\*\* +([\w, ]+): ([^*]+?) \*\/\n {2}(\w+): '(\w+)',/g),
  ];
  const declared = [...source.matchAll(/^ {2}\w+: '\w+',$/gm)].length;
  if (entries.length !== declared)
    throw new Error(
      `common/failures.ts: ${declared} types, but ${entries.length} say who throws them and when`,
    );
  const without = entries.map(([, , , type]) => type).filter((type) => advice[type] === undefined);
  if (without.length > 0)
    throw new Error(`scripts/lib/failures-doc.mjs has no advice for: ${without.join(', ')}`);
  const gone = Object.keys(advice).filter((type) => !entries.some(([, , , name]) => name === type));
  if (gone.length > 0)
    throw new Error(
      `scripts/lib/failures-doc.mjs advises on types that are gone: ${gone.join(', ')}`,
    );
  return [
    '<!-- Written by `npm run docs` from common/failures.ts. -->',
    '',
    '# Failures',
    '',
    'Every failure of a step has one of these types. It stands ' +
      'before the message wherever a failure is shown, and in',
    "Temporal's history as the type of the `ApplicationFailure`. The list is closed.",
    '',
    '| type | thrown by | tried again |',
    '|---|---|---|',
    ...entries.map(
      ([, who, , type, kind]) =>
        `| [${type}](#${type.toLowerCase()}) | ${who} | ${triedAgain[kind]} |`,
    ),
    ...entries.flatMap(([, who, when, type, kind]) => [
      '',
      `## ${type}`,
      '',
      `${sentence(`${who}: ${when}`)} ${classes[kind]}`,
      '',
      `**What to do.** ${advice[type]}`,
    ]),
    '',
  ].join('\n');
}

const triedAgain = {
  permanent: 'no',
  transient: "as the step's retry says",
  waiting: 'until it is over',
};

function sentence(text) {
  const capital = text[0].toUpperCase() + text.slice(1);
  return capital.endsWith('.') ? capital : `${capital}.`;
}
