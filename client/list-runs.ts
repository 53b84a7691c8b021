import { searchAttributes } from '../common/search-attributes.js';
import {
  askingStates,
  deciders,
  questionKinds,
  rulesOfQuestion,
  verbsFor,
  type QuestionKind,
} from '../common/questions.js';
import { runStates, type RunState, type RunSummary } from '../common/view.js';
import type { Priority } from '../language/runbook.js';
import type { RunFilter } from '../store/index.js';
import { isRecordAway } from './errors.js';
import { hasEnded } from './exit-codes.js';
import type { Session } from './session.js';
import { quoted } from '../common/visibility.js';

export interface RunList {
  runs: RunSummary[];
  source: 'record' | 'temporal';
  /** What the reader must know about the source of the list. */
  notes: string[];
}

const serverPatienceMs = 4_000;

/**
 * Runs, newest first. The record has the most, and keeps it longest. Temporal adds runs whose end
 * the record does not know, and replaces the record when that is down.
 */
export async function listAllRuns(session: Session, filter: RunFilter): Promise<RunList> {
  const pool = await session.record();
  if (!pool) return { runs: await fromTemporal(session, filter), source: 'temporal', notes: [] };
  const { listRuns } = await import('../store/index.js');
  try {
    const runs = await listRuns(pool, filter);
    return { ...(await corrected(session, runs)), source: 'record' };
  } catch (error) {
    if (!isRecordAway(error)) throw error;
    const runs = await fromTemporal(session, filter);
    return {
      runs,
      source: 'temporal',
      notes: ['Read from Temporal: the record in PostgreSQL does not answer.'],
    };
  }
}

/** Runs that are live in the record, and have ended in Temporal without recording it. */
async function corrected(
  session: Session,
  runs: RunSummary[],
): Promise<Pick<RunList, 'runs' | 'notes'>> {
  const live = runs.filter((run) => !hasEnded(run.state));
  if (live.length === 0) return { runs, notes: [] };
  const temporal = await session.temporal();
  const gone = new Map<string, { state: RunState; endedAt: string | null }>();
  try {
    await temporal.within(serverPatienceMs, async () => {
      const ids = live.map((run) => quoted(run.id)).join(', ');
      const query = `WorkflowId IN (${ids}) AND ExecutionStatus != 'Running'`;
      for await (const execution of temporal.client.workflow.list({ query })) {
        const state = closedStates[execution.status.name];
        if (state)
          gone.set(execution.workflowId, {
            state,
            endedAt: execution.closeTime?.toISOString() ?? null,
          });
      }
    });
  } catch {
    return {
      runs,
      notes: [`Read from the record: no Temporal server answers at ${temporal.address}.`],
    };
  }
  return {
    runs: runs.map((run) => ({
      ...run,
      ...(hasEnded(run.state) ? {} : closedOf(gone.get(run.id))),
    })),
    notes: [],
  };
}

function closedOf(
  end: { state: RunState; endedAt: string | null } | undefined,
): Partial<RunSummary> {
  return end ? { ...end, step: null, waitingFor: [] } : {};
}

/**
 * How a run ended that could not record it any more. A completed one records its end itself, a
 * moment later.
 */
const closedStates: Partial<Record<string, RunState>> = {
  TERMINATED: 'terminated',
  TIMED_OUT: 'terminated',
  CANCELLED: 'cancelled',
  FAILED: 'failed',
};

async function fromTemporal(session: Session, filter: RunFilter): Promise<RunSummary[]> {
  const temporal = await session.temporal();
  const states =
    filter.state === undefined
      ? []
      : typeof filter.state === 'string'
        ? [filter.state]
        : filter.state;
  const { state, target, requester } = searchAttributes;
  const query = [
    `${state.name} IS NOT NULL`,
    ...(states.length > 0 ? [`${state.name} IN (${states.map(quoted).join(', ')})`] : []),
    ...(filter.runbook ? [`WorkflowType = ${quoted(filter.runbook)}`] : []),
    ...(filter.target ? [`${target.name} = ${quoted(filter.target)}`] : []),
    ...(filter.requester ? [`${requester.name} = ${quoted(filter.requester)}`] : []),
    ...(filter.waiting
      ? [`${state.name} IN (${askingStates.map(quoted).join(', ')})`, `ExecutionStatus = 'Running'`]
      : []),
  ].join(' AND ');
  const runs: RunSummary[] = [];
  await temporal.within(serverPatienceMs, async () => {
    for await (const execution of temporal.client.workflow.list({ query })) {
      const found = execution.typedSearchAttributes;
      const known = found.get(searchAttributes.state) as RunState | undefined;
      const closed = closedStates[execution.status.name];
      const memo = execution.memo ?? {};
      const current = known && runStates.includes(known) ? known : 'running';
      const step = found.get(searchAttributes.step);
      const ended = closed !== undefined && !hasEnded(current) ? closed : current;
      runs.push({
        id: execution.workflowId,
        firstRunId: execution.runId,
        runbook: execution.type,
        title: execution.type,
        priority: (found.get(searchAttributes.priority) as Priority | undefined) ?? 'MEDIUM',
        targets: found.get(searchAttributes.target) ?? [],
        state: ended,
        requester: found.get(searchAttributes.requester) ?? '',
        reason: typeof memo['reason'] === 'string' ? memo['reason'] : '',
        startedAt: execution.startTime.toISOString(),
        endedAt: execution.closeTime?.toISOString() ?? null,
        step: hasEnded(ended) || !step ? null : step,
        waitingFor: isAsking(ended) ? waitOf(step, memo, execution.startTime) : [],
      });
      if (runs.length >= (filter.limit ?? 50)) return;
    }
  });
  return runs.sort((a, b) => b.startedAt.localeCompare(a.startedAt));
}

function isAsking(state: RunState): boolean {
  return askingStates.some((each) => each === state);
}

/**
 * Temporal's list has the gate and its command only; only the run itself knows since when it waits.
 */
function waitOf(
  step: string | undefined,
  memo: Record<string, unknown>,
  started: Date,
): RunSummary['waitingFor'] {
  const command = typeof memo['approve'] === 'string' ? memo['approve'] : '';
  const kind = kindAskedBy(command);
  return [
    {
      kind,
      id: step ?? '',
      title: step ?? '',
      since: started.toISOString(),
      who: deciders.anyone,
      deciders: 'anyone',
      verbs: verbsFor(kind),
      command,
    },
  ];
}

/** The kind of question whose usual answer the command gives. */
function kindAskedBy(command: string): QuestionKind {
  const kinds = Object.keys(questionKinds) as QuestionKind[];
  const found = kinds.find((kind) => command.includes(` ${rulesOfQuestion(kind).verbs[0]} `));
  return found ?? 'approval';
}
