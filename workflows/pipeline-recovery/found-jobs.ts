import type { JobRow } from '../../common/answers.js';
import { isClaimed, type PipelineData } from '../../language/pipeline.js';
import { ProcedureStopped } from '../engine/outcome.js';

/* Which of the jobs that an orchestrator lists is recovered. Pure functions. */

/** A job as its orchestrator lists it. */
export interface FoundJob extends JobRow {
  /** What of it waits and is not at work, in words; where its orchestrator tells that. */
  waits?: string[];
}

/** What an orchestrator knows of its jobs, and which of them it can recover. */
export interface Knowledge {
  /** It restarts jobs that have completed, too: where data is wrong although no job has failed. */
  recoversCompleted: boolean;
  /** Who knows of jobs older than a day, too; absent: nobody. */
  remembers?: string;
  /** Its list of jobs is as long as it says itself; absent: jobs of the last 24 hours. */
  lists?: string;
}

/**
 * The job to recover: the one asked for, or the newest failed one whose dataset no later job has
 * touched. The newest job of a dataset decides, because a failed job stays failed in the table even
 * when another one has continued its work.
 * @param jobs newest first
 * @throws ProcedureStopped when there is none to recover
 */
export function failedJob(
  jobs: readonly FoundJob[],
  wanted: string | undefined,
  knowledge: Knowledge = { recoversCompleted: false },
): FoundJob {
  const { recoversCompleted, remembers } = knowledge;
  const failed = jobs.filter(({ status }) => status === 'failed');
  const job =
    wanted === undefined
      ? failed.find((each) => sinceOf(each, jobs)?.status !== 'completed')
      : jobs.find(({ id }) => id === wanted);
  if (!job) {
    if (wanted === undefined && jobs.length === 0 && remembers !== undefined)
      throw new ProcedureStopped(neverRan(remembers), `Nothing was changed. ${letItRun}`);
    const span = spanOf(knowledge);
    const since = span === '' ? '' : ` ${span}`;
    const none =
      failed.length === 0
        ? `no job failed${since}`
        : `every job that failed${since} was recovered since`;
    const [newest] = jobs;
    const named =
      recoversCompleted && newest?.status === 'completed'
        ? ` So does this runbook, and recovers them, with --input job=${newest.id}.`
        : '';
    const forgotten =
      recoversCompleted && jobs.length === 0
        ? ' Where all jobs are forgotten, let one run as usual, then name that one: its data ' +
          'are proved, and what is twice is moved away.'
        : '';
    const working = jobs.filter(({ status }) => status === 'running').map(atWork);
    throw new ProcedureStopped(
      wanted === undefined ? [none, ...working].join('; ') : `this pipeline has no job ${wanted}`,
      wanted === undefined
        ? 'Nothing was changed, and no data were looked at: doctor PIPELINE compares ' +
            `them.${named} An older failed job can be named with --input job=ID.${forgotten}`
        : 'Nothing was changed. Look at the jobs of the pipeline for the right ID.',
    );
  }
  const isLookedAt = recoversCompleted && job.status === 'completed';
  if (job.status !== 'failed' && !isLookedAt) {
    throw job.status === 'running'
      ? new ProcedureStopped(`${atWork(job)}: it has not failed`, waitForIt)
      : new ProcedureStopped(`job ${job.id} is ${job.status}, not failed`, nothingFailed);
  }
  const busy = jobs.find((each) => each.status === 'running' && each.dataset === job.dataset);
  if (busy) {
    throw new ProcedureStopped(
      `job ${busy.id} already works on ${datasetWords(job)}${waitingWords(busy)}`,
      waitForIt,
    );
  }
  const since = sinceOf(job, jobs);
  if (since?.status === 'completed') {
    throw new ProcedureStopped(
      `job ${job.id} ${isLookedAt ? 'ended' : 'failed'}, and ` +
        `job ${since.id} has completed ${datasetWords(job)} since`,
      nothingFailed,
    );
  }
  if (since) {
    throw new ProcedureStopped(
      `job ${job.id} ${isLookedAt ? 'ended' : 'failed'}, and since then job ${since.id} of ` +
        `${job.dataset === null ? 'this pipeline' : 'the same dataset'} has failed too`,
      `Nothing was changed. Recover that one: --input job=${since.id}`,
    );
  }
  return job;
}

/** What is so where a job needs no recovery; data may be wrong nevertheless. */
const nothingFailed =
  'Nothing was changed: no job is left failed. Whether the data are right, doctor PIPELINE says.';

const waitForIt = 'Nothing was changed. Wait for that job, or stop it.';

function atWork(job: FoundJob): string {
  return `job ${job.id} is running${waitingWords(job)}`;
}

/** What a running job waits for; empty where it waits for nothing, or nobody tells it. */
export function waitingWords({ waits = [] }: FoundJob): string {
  return waits.length === 0 ? '' : ` (it waits: ${waits.join(', ')})`;
}

function datasetWords({ dataset }: JobRow): string {
  return dataset === null ? 'this pipeline' : `dataset ${dataset}`;
}

/** Which jobs there are, where there is none. */
export function noJobs(knowledge: Knowledge): string {
  const { remembers } = knowledge;
  return remembers === undefined ? `none ${spanOf(knowledge)}` : `none: ${neverRan(remembers)}`;
}

/** Among which jobs the list is; empty for all that there are. */
function spanOf({ remembers, lists }: Knowledge): string {
  if (remembers !== undefined) return '';
  return lists === undefined ? 'in the last 24 hours' : `among those that ${lists} lists`;
}

function neverRan(remembers: string): string {
  return `it has never run, as far as ${remembers} knows`;
}

const letItRun = 'Let it run once: pipeline-recovery recovers jobs that have failed.';

/** What to do about data that are not what is claimed of them. */
export function cureOf(
  data: PipelineData,
  newest: Pick<JobRow, 'id' | 'status'> | undefined,
  knowledge: Knowledge,
): string {
  const { recoversCompleted, remembers } = knowledge;
  const mends = isClaimed(data)
    ? 'pipeline-recovery moves it away'
    : 'pipeline-recovery makes it anew';
  if (newest?.status === 'running') return 'Look again when it has ended.';
  if (newest?.status === 'failed') return `${mends}.`;
  if (newest && recoversCompleted)
    return `${mends} when the job is named: --input job=${newest.id}`;
  if (!newest)
    return remembers === undefined
      ? `There is no job ${spanOf(knowledge)}. Where an older one ` +
          `has failed, ${mends} when it is named: --input job=ID`
      : letItRun;
  return (
    'The newest job did not fail, and pipeline-recovery recovers failed jobs only: run this ' +
    'part again by what runs the pipeline, or correct the data by hand.'
  );
}

/**
 * The newest later job that changed the dataset; one that was stopped left it unchanged.
 */
function sinceOf(job: JobRow, jobs: readonly JobRow[]): JobRow | undefined {
  const newest = jobs.find(
    ({ dataset, status }) => dataset === job.dataset && status !== 'stopped',
  );
  return newest === job ? undefined : newest;
}
