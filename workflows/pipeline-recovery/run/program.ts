import type { Expectation } from '../../../common/attempt.js';
import type { AnswerName, CommandAction } from '../../../language/kinds/command.js';
import type { ProgramRun } from '../../../language/pipeline.js';
import { isObject } from '../../../language/objects.js';
import { answersOf } from '../../shared/program-answer.js';
import { ProcedureStopped } from '../../engine/outcome.js';
import type { JobStatus } from '../findings.js';
import { jobIsKnown } from './known.js';
import type { DeclaredPipeline, Runner } from './runner.js';

const pollMs = 1_000;
const answerOf = answersOf({
  name: 'the program of the pipeline',
  docs: 'docs/adopt/program.md',
});

/**
 * A pipeline that a program runs, on the hosts of the workers. It gets a verb and its arguments,
 * and answers with one line of JSON; docs/adopt/program.md has them.
 */
export function programRunner({ name: target }: DeclaredPipeline, program: ProgramRun): Runner {
  const call = (...words: string[]): CommandAction => ({
    ...{ kind: 'command', target, credentials: 'main', idempotent: true },
    argv: [program.path, ...program.args, ...words],
  });
  const asked = (answer: AnswerName, ...words: string[]): CommandAction => ({
    ...call(...words),
    answer,
  });

  const known = (job: string): Expectation[] => [
    jobIsKnown('out.answer.status != "unknown"', job, 'the program'),
  ];

  return {
    stops: program.stops,
    recoversCompleted: program.restartsCompleted,

    jobs: (wanted) => ({
      parts: {
        listed: {
          action: asked('pipeline-jobs', 'jobs', ...(wanted === undefined ? [] : [wanted])),
        },
      },
      read: ({ listed }) => [...answerOf(listed, 'pipeline-jobs', 'which jobs there are').jobs],
    }),

    look: (job) => ({
      parts: { told: { action: asked('pipeline-job', 'job', job), expect: known(job) } },
      read: ({ told }) => statusOf(job, told),
    }),

    restart: (key, { id: job, dataset }, { stage, batch }) => ({
      step: 'begin',
      work: {
        action: asked(
          ...(['pipeline-started', 'restart', key, job, stage] as const),
          // Before it is chosen it is not known: then it stands for itself.
          typeof batch === 'number' ? `${batch}` : batch,
          ...(dataset === null ? [] : [dataset]),
        ),
        ...(program.stops ? { undo: call('stop', key) } : {}),
      },
    }),

    restarted: (answer) => {
      // Whoever restarts it by hand says which job that is.
      const byHand = isObject(answer) ? answer['job'] : undefined;
      if (typeof byHand === 'string') return byHand;
      return answerOf(answer, 'pipeline-started', 'which job it has started').job;
    },

    hold: () => null,

    follow: (job, timeoutMs) => ({
      step: 'follow',
      work: {
        action: {
          kind: 'check',
          probe: asked('pipeline-job', 'job', job),
          until: { cel: 'out.answer.status != "running"' },
          everyMs: pollMs,
          progress: ['answer.status', 'answer.stage'],
        },
        expect: known(job),
        timeoutMs,
      },
    }),

    followed: (job, answer) => statusOf(job, answer),
    validate: () => null,
  };
}

/** @throws ProcedureStopped where the program has not answered */
function statusOf(job: string, output: unknown): JobStatus {
  const { status, stage, error } = answerOf(output, 'pipeline-job', `how job ${job} is`);
  // Such an answer fails its step; a person may have taken it nevertheless.
  if (status === 'unknown')
    throw new ProcedureStopped(
      `the program does not know job ${job}`,
      'See that nothing of it still writes, then start the runbook again: it proves every stage.',
    );
  if (error === null) return { id: job, status, stage, error };
  const { poison: isPoison, ...rest } = error;
  return { id: job, status, stage, error: { ...rest, isPoison } };
}
