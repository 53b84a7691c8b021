import type { WorkflowExecutionDescription } from '@temporalio/client';
import { queryWithRetry } from '../common/ask-again.js';
import { launchWorkflow, messageNames } from '../common/defaults.js';
import { endStates, runStates, type RunSummary } from '../common/view.js';
import type { Temporal } from './connect.js';
import type { Check } from '../common/check.js';
import { overText } from '../common/former-ends.js';
import { isNotFound } from './errors.js';
import { pausedText, resumeCommand } from '../common/run-pause.js';
import { searchAttributes } from '../common/search-attributes.js';
import { pausesOf, pauseText, type TemporalPause } from '../common/temporal-pauses.js';
import type { Session } from './session.js';
import { troubleOf, troubleOfQuery, type Trouble } from './trouble.js';
import { quoted } from '../common/visibility.js';

/**
 * Limit of live runs that are checked, newest first; runs that the server itself reports are always
 * checked.
 */
const looked = 500;
/** Milliseconds for checking runs, and concurrent requests to the server. */
const patienceMs = 1_500;
const atOnce = 25;
/** Runs named in one line. */
const named = 5;
/** A keeper that has compared nothing for this long counts as stopped, in milliseconds. */
const lookMs = 90_000;
const dayMs = 86_400_000;

interface Stuck {
  run: string;
  trouble: Trouble;
}

interface Paused {
  run: string;
  pause: TemporalPause;
}

/**
 * Finds stuck runs, runs that ended without the record's knowledge, and whether a keeper watches.
 */
export async function checkRuns(session: Session): Promise<Check[]> {
  const temporal = await session.temporal();
  const [problems, open, live] = await Promise.all([
    reported(temporal),
    openRuns(session),
    running(temporal),
  ]);
  const runs = new Set([...problems, ...open.map((run) => run.id), ...live]);
  const { stuck, paused, pausedByUs, seen } = await look(temporal, [...runs]);
  const [unserved, failing] = [stuck.filter(isUnserved), stuck.filter((each) => !isUnserved(each))];
  const of = `${seen} live ${seen === 1 ? 'run' : 'runs'} looked at`;
  return [
    stuckCheck(
      'stuck runs',
      failing,
      `none; ${of}`,
      `${session.command} status RUN tells more of each.`,
    ),
    stuckCheck('unserved runs', unserved, 'none', 'Start workers on these task queues.'),
    toldPaused(paused, await pausedHere(session, pausedByUs)),
    await endedBehind(session),
    await reopened(session),
    await refused(session),
    await watched(session, temporal),
  ];
}

const isUnserved = ({ trouble }: Stuck): boolean => trouble.type === 'NoWorker';

function stuckCheck(name: string, stuck: readonly Stuck[], none: string, more: string): Check {
  const [first] = stuck;
  if (!first) return { name, state: 'ok', found: none, fix: null };
  const each = stuck.slice(0, named).map(({ run, trouble }) => `${run}: ${trouble.message}`);
  const rest = stuck.length > named ? [`and ${stuck.length - named} more`] : [];
  const next = [...new Set(stuck.map(({ trouble }) => trouble.next))].slice(0, named);
  return {
    name,
    state: 'failed',
    found: [...each, ...rest].join('; '),
    fix: `${next.join('; ')}. ${more}`,
  };
}

/** Somebody paused these on purpose, and they may be forgotten: nobody is called for them. */
function toldPaused(inTemporal: readonly Paused[], here: readonly PausedRun[]): Check {
  const name = 'paused runs';
  const paused = [
    ...here,
    ...inTemporal.map(({ run, pause }) => ({ run, text: pauseText(pause), next: pause.next })),
  ];
  const [first] = paused;
  if (!first)
    return { name, state: 'ok', found: 'none, neither by operators nor in Temporal', fix: null };
  const each = paused.slice(0, named).map(({ run, text }) => `${run}: ${text}`);
  const rest = paused.length > named ? [`and ${paused.length - named} more`] : [];
  return {
    name,
    state: 'warning',
    found: [...each, ...rest].join('; '),
    fix:
      'It goes on with: ' +
      `${first.next}${paused.length > 1 ? '. status RUN says it for each.' : ''}`,
  };
}

interface PausedRun {
  run: string;
  /** Who paused it, since when and why. */
  text: string;
  /** The command that lets it go on. */
  next: string;
}

/** The runs that operators paused, in words. */
async function pausedHere(session: Session, runs: readonly string[]): Promise<PausedRun[]> {
  const { getRun } = await import('../store/index.js');
  const pool = await session.needRecord();
  // Those that are only counted need no words.
  const views = await Promise.all(runs.slice(0, named).map((id) => getRun(pool, id)));
  return runs.map((run, index) => {
    const view = views[index];
    // The record has the decision at once, and the state with the run's next save.
    const text = view && pausedText({ ...view, state: 'paused' });
    return {
      ...{ run, text: text ?? 'paused by an operator' },
      next: resumeCommand(session.command, run),
    };
  });
}

async function openRuns(session: Session): Promise<RunSummary[]> {
  const { listRuns } = await import('../store/index.js');
  return listRuns(await session.needRecord(), {
    state: runStates.filter((state) => !endStates.has(state)),
    limit: looked,
  });
}

/**
 * Runs whose workflow task keeps failing, by the server's own report (which comes only after
 * several failures), and runs that were paused in Temporal.
 */
async function reported(temporal: Temporal): Promise<string[]> {
  const found = await Promise.all(
    [
      "TemporalReportedProblems IS NOT NULL AND ExecutionStatus = 'Running'",
      'TemporalPauseInfo IS NOT NULL AND CloseTime IS NULL',
    ].map((which) => listed(temporal, which)),
  );
  return found.flat();
}

/** The live runs by Temporal: one whose admission keeps failing is not in the record. */
function running(temporal: Temporal): Promise<string[]> {
  const which = `WorkflowType != ${quoted(launchWorkflow)} AND ExecutionStatus = 'Running'`;
  return listed(temporal, which);
}

async function listed(temporal: Temporal, which: string): Promise<string[]> {
  try {
    return await temporal.within(patienceMs, async () => {
      const ids: string[] = [];
      const query = `${which} AND TaskQueue = ${quoted(temporal.taskQueue)}`;
      for await (const { workflowId } of temporal.client.workflow.list({
        query,
        pageSize: looked,
      })) {
        ids.push(workflowId);
        if (ids.length >= looked) break;
      }
      return ids;
    });
  } catch {
    // Older servers do not know these attributes.
    return [];
  }
}

async function look(
  temporal: Temporal,
  runs: readonly string[],
): Promise<{ stuck: Stuck[]; paused: Paused[]; pausedByUs: string[]; seen: number }> {
  const until = Date.now() + patienceMs;
  const stuck: Stuck[] = [];
  const paused: Paused[] = [];
  const pausedByUs: string[] = [];
  const quiet = new Map<string, string[]>();
  let seen = 0;
  const rest = runs.values();
  const lane = async (): Promise<void> => {
    for (const run of rest) {
      if (Date.now() > until) return;
      const execution = await describe(temporal, run);
      if (!execution) continue;
      seen += 1;
      paused.push(...pausesOf(temporal, execution).map((pause) => ({ run, pause })));
      if (isPaused(execution)) pausedByUs.push(run);
      const trouble = await troubleOf(temporal, execution);
      if (trouble) stuck.push({ run, trouble });
      else if (isQuiet(execution))
        quiet.set(execution.type, [...(quiet.get(execution.type) ?? []), run]);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, runs.length) }, lane));
  const gone = await Promise.all(
    [...quiet].slice(0, atOnce).map(([type, waiting]) => withoutCode(temporal, type, waiting)),
  );
  return { stuck: [...stuck, ...gone.flat()], paused, pausedByUs, seen };
}

/** As the run itself says it, which is before the record is saved. */
const isPaused = ({ status, typedSearchAttributes }: WorkflowExecutionDescription): boolean =>
  status.name === 'RUNNING' && typedSearchAttributes.get(searchAttributes.state) === 'paused';

const isQuiet = (execution: WorkflowExecutionDescription): boolean =>
  execution.status.name === 'RUNNING' && !execution.raw.pendingWorkflowTask;

/**
 * A waiting run has no task that could fail: only a query shows whether a worker has its code. One
 * run of each runbook is queried.
 */
async function withoutCode(
  temporal: Temporal,
  runbook: string,
  runs: readonly string[],
): Promise<Stuck[]> {
  const [asked = ''] = runs;
  const trouble = await temporal
    .within(patienceMs, () =>
      queryWithRetry(() =>
        temporal.client.workflow.getHandle(asked).query(messageNames.verdict, 'doctor'),
      ),
    )
    .then(
      () => null,
      (error: unknown) => troubleOfQuery(runbook, error),
    );
  // Missing code affects all of them; another failure may be due to one history.
  return trouble
    ? (trouble.type === 'CodeGone' ? runs : [asked]).map((run) => ({ run, trouble }))
    : [];
}

async function describe(
  temporal: Temporal,
  run: string,
): Promise<WorkflowExecutionDescription | null> {
  try {
    return await temporal.within(patienceMs, () =>
      temporal.client.workflow.getHandle(run).describe(),
    );
  } catch (error) {
    // It has just ended, or was deleted: the keeper will record that.
    if (isNotFound(error)) return null;
    throw error;
  }
}

async function endedBehind(session: Session): Promise<Check> {
  const name = 'terminated runs';
  const { listRuns } = await import('../store/index.js');
  const runs = (
    await listRuns(await session.needRecord(), { state: 'terminated', limit: 100 })
  ).filter(({ endedAt }) => endedAt !== null && Date.now() - Date.parse(endedAt) < dayMs);
  if (runs.length === 0) return { name, state: 'ok', found: 'none in the last day', fix: null };
  const ids = runs.slice(0, named).map((run) => run.id);
  return {
    name,
    state: 'warning',
    found: `${runs.length} in the last day: ${ids.join(', ')}${runs.length > named ? ', …' : ''}`,
    fix:
      `${session.command} status RUN says what was ` +
      'left running; start it again with --from RUN.',
  };
}

/** Runs that went on after they had ended: people may have been told of an end that is outdated. */
async function reopened(session: Session): Promise<Check> {
  const name = 'reopened runs';
  const { reopenedRuns } = await import('../store/index.js');
  const runs = await reopenedRuns(await session.needRecord(), dayMs);
  if (runs.length === 0) return { name, state: 'ok', found: 'none in the last day', fix: null };
  const each = runs.slice(0, named).map((end) => `${end.run}: ${overText(end)}`);
  const rest = runs.length > named ? [`and ${runs.length - named} more`] : [];
  return {
    name,
    state: 'warning',
    found: `${runs.length} in the last day: ${[...each, ...rest].join('; ')}`,
    fix: `${session.command} history RUN shows the end before; ask who did it, and why.`,
  };
}

/**
 * Workflows that somebody started in Temporal with an invalid argument: they ended, and nobody was
 * told.
 */
async function refused(session: Session): Promise<Check> {
  const name = 'refused starts';
  const { refusedStarts } = await import('../store/index.js');
  const starts = await refusedStarts(await session.needRecord(), dayMs);
  const [first] = starts;
  if (!first) return { name, state: 'ok', found: 'none in the last day', fix: null };
  const ids = starts.slice(0, named).map(({ run }) => run);
  return {
    name,
    state: 'warning',
    found:
      `${starts.length} in the last day: ` +
      `${ids.join(', ')}${starts.length > named ? ', …' : ''}; ${first.why}`,
    fix: `Whoever sends them has to send what ${session.command} start sends.`,
  };
}

/**
 * Checks that a worker compares the record with this namespace, and with every other one of which
 * the record has live runs.
 */
async function watched(session: Session, temporal: Temporal): Promise<Check> {
  const name = 'watch';
  const pool = await session.needRecord();
  const { openByNamespace, sinceComparison } = await import('../store/index.js');
  const { namespaceInfo } = await temporal.within(patienceMs, () =>
    temporal.connection.workflowService.describeNamespace({ namespace: temporal.namespace }),
  );
  const mine = namespaceInfo?.id || temporal.namespace;
  const elsewhere = (await openByNamespace(pool)).filter(
    ({ namespaceId, sinceMs }) => namespaceId !== mine && (sinceMs === null || sinceMs > lookMs),
  );
  if (elsewhere.length > 0) {
    const [ids, count] = [
      elsewhere.map((each) => each.namespaceId),
      elsewhere.reduce((sum, { runs }) => sum + runs, 0),
    ];
    return {
      name,
      state: 'warning',
      found:
        `${count} live runs began in another Temporal ` +
        `namespace, which no worker watches: ${ids.join(', ')}`,
      fix:
        'Start a worker there. If its server has lost its data: ' +
        `RUNBOOK_LOST_NAMESPACES=${ids.join(',')} for the workers here.`,
    };
  }
  const ms = await sinceComparison(pool, mine);
  if (ms !== null && ms < lookMs) {
    return {
      name,
      state: 'ok',
      found: `the record was compared with Temporal ${Math.round(ms / 1_000)} s ago`,
      fix: null,
    };
  }
  return {
    name,
    state: 'warning',
    found:
      'the record was ' +
      `${ms === null ? 'never' : `not compared for ${Math.round(ms / 60_000)} min`} ` +
      `${ms === null ? 'compared ' : ''}with Temporal`,
    fix: 'A worker does it every 15 s: start one, or look at the logs of those that run.',
  };
}
