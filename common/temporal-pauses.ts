import { defaultAddress, defaultNamespace } from './defaults.js';
import { quoteArgument } from './quote-argument.js';
import { utc } from './times.js';
import { visibleLine } from './visible.js';

/*
 * Temporal can pause a workflow, or one activity of it, from its CLI or its UI. That writes no
 * event: nothing runs, nothing fails, and only DescribeWorkflow shows it.
 */

/** Something that was paused in Temporal itself, not with this program. */
export interface TemporalPause {
  /** Path of the step; null when it is the whole run. */
  step: string | null;
  /** ISO time; null when Temporal does not say. */
  since: string | null;
  /** Who did it, by the client's identity; null when Temporal does not say. */
  by: string | null;
  reason: string | null;
  /** True while the step's present attempt still runs: the pause begins at its end. */
  running: boolean;
  /** The command that unpauses it. */
  next: string;
}

/** The fields of DescribeWorkflow's answer that tell of pauses. */
interface Described {
  workflowId: string;
  raw: {
    workflowExtendedInfo?: { pauseInfo?: Paused | null } | null;
    pendingActivities?:
      | {
          activityId?: string | null;
          paused?: boolean | null;
          state?: unknown;
          pauseInfo?: {
            pauseTime?: Time;
            manual?: Paused | null;
            rule?: Paused | null;
          } | null;
        }[]
      | null;
  };
}

type Time = { seconds?: unknown; nanos?: number | null } | null | undefined;

interface Paused {
  pausedTime?: Time;
  identity?: string | null;
  reason?: string | null;
}

/** `PendingActivityState`: an attempt runs, and the pause begins after it. */
const pauseRequested = 5;

/** The parts of a run that are paused. */
export function pausesOf(
  temporal: { address: string; namespace: string },
  { workflowId, raw }: Described,
): TemporalPause[] {
  const go = (noun: string, ...flags: string[]): string =>
    [
      `temporal ${noun} unpause --workflow-id ${quoteArgument(workflowId)}`,
      ...flags,
      ...(temporal.namespace === defaultNamespace
        ? []
        : [`--namespace ${quoteArgument(temporal.namespace)}`]),
      ...(temporal.address === defaultAddress
        ? []
        : [`--address ${quoteArgument(temporal.address)}`]),
    ].join(' ');
  const run = raw.workflowExtendedInfo?.pauseInfo;
  const whole: TemporalPause[] = run
    ? [
        {
          step: null,
          since: isoOf(run.pausedTime),
          by: run.identity || null,
          reason: run.reason || null,
          running: false,
          next: go('workflow'),
        },
      ]
    : [];
  const steps = (raw.pendingActivities ?? [])
    .filter(({ paused }) => paused)
    .map(({ activityId, pauseInfo, state }): TemporalPause => {
      const { manual, rule } = pauseInfo ?? {};
      const step = activityId ?? '';
      return {
        step,
        since: isoOf(pauseInfo?.pauseTime),
        by: manual?.identity || rule?.identity || null,
        reason: manual?.reason || rule?.reason || null,
        running: Number(state) === pauseRequested,
        next: go('activity', `--activity-id ${quoteArgument(step)}`),
      };
    });
  return [...whole, ...steps];
}

/** One pause in words, without what to do. */
export function pauseText({ step, since, by, reason, running }: TemporalPause): string {
  const what = step === null ? 'the run' : `step ${visibleLine(step)}`;
  return [
    `${what} is paused in Temporal`,
    since === null ? '' : ` since ${utc(since)}`,
    by === null ? '' : ` by ${visibleLine(by, 100)}`,
    reason === null ? '' : ` (${visibleLine(reason, 200)})`,
    running ? '; the attempt under way goes on to its end' : '',
  ].join('');
}

function isoOf(time: Time): string | null {
  const seconds = Number(time?.seconds ?? 0);
  if (seconds === 0) return null;
  return new Date(seconds * 1_000 + Math.floor((time?.nanos ?? 0) / 1_000_000)).toISOString();
}
