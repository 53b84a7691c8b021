import type {
  AttemptState,
  AttemptView,
  DecisionView,
  FollowingStep,
  RunView,
  StepState,
  StepView,
  TimelineEntry,
} from '../../common/view.js';
import type { Json } from '../../language/json.js';
import { later } from '../../language/reference.js';
import type { StepKind } from '../../language/kinds/index.js';
import type { Effect } from '../../language/runbook.js';
import type { Report } from '../../client/report/report.js';

const start = Date.parse('2026-03-01T01:12:07.000Z');
const digest = `sha256:${'3f9a'.repeat(16)}`;

/** Time of the story, in seconds after its start. */
export function at(seconds: number): string {
  return new Date(start + seconds * 1_000).toISOString();
}

function step(
  id: string,
  title: string,
  kind: StepKind,
  effect: Effect,
  state: StepState,
  span: [number, number | null] | null,
  output: Json = null,
): StepView {
  return {
    id,
    title,
    kind,
    effect,
    state,
    attempts: span ? 1 : 0,
    startedAt: span ? at(span[0]) : null,
    endedAt: span && span[1] !== null ? at(span[1]) : null,
    output,
    error: null,
  };
}

function attempt(
  of: StepView,
  number: number,
  state: AttemptState,
  from: number,
  to: number | null,
  over: Partial<AttemptView> = {},
): AttemptView {
  return {
    step: of.id,
    title: of.title,
    kind: of.kind,
    effect: of.effect,
    attempt: number,
    state,
    undo: false,
    host: 'runner-1',
    worker: 'runner-1:4711',
    startedAt: at(from),
    endedAt: to === null ? null : at(to),
    output: null,
    error: null,
    written: null,
    does: [`run /opt/${of.id} --batch ${number}`],
    ...over,
  };
}

const follows: FollowingStep[] = [
  {
    ...{ step: 'quarantine', title: 'Move what is corrupt to quarantine', kind: 'sql' },
    ...{ effect: 'change', targets: ['orders (production)'], tried: 'once' },
    works: [
      {
        action: {
          ...{ kind: 'sql', target: 'orders' },
          statements: [
            { text: 'INSERT INTO kept SELECT * FROM stage WHERE batch > $1', values: [10] },
          ],
        },
      },
    ],
    undo: 'Move the rows back',
  },
  {
    ...{ step: 'restart', title: 'Restart from there', kind: 'http' },
    ...{ effect: 'change', targets: ['orders (production)'], tried: 'once' },
    works: [
      {
        action: {
          ...{ kind: 'http', target: 'orders', method: 'POST', path: '/jobs/{job}/restart' },
          params: { job: later('steps.identify.job') },
        },
      },
    ],
  },
];

const evidence = {
  stage: 'transform',
  error: 'killed by signal 9 in batch 12',
  verdict: 'the last checkpoint is corrupt: 9,872 rows where it claims 10,000',
  checkpoint: { stage: 'transform', batch: 10 },
  rowsAgain: 20_000,
  offendingRecord: { seq: 110_042, distance: 'n/a' },
};

function story(gate: { until: number | null; verb: 'approve' | 'reject' }): Report {
  const open = gate.until === null;
  const t = gate.until ?? 0;
  const steps = {
    identify: step(
      'identify',
      'Identify the failed stage',
      'parallel',
      'read',
      'succeeded',
      [1, 3.4],
    ),
    api: step('identify/api', 'Job API status', 'http', 'read', 'succeeded', [1, 1.4], {
      status: 'failed',
      stage: 'transform',
    }),
    table: step(
      'identify/table',
      'Job table in its database',
      'sql',
      'read',
      'succeeded',
      [1, 3.4],
      {
        jobs: [{ id: 'job-17' }],
      },
    ),
    log: step('collect-log', 'Collect the error log', 'http', 'read', 'succeeded', [3.5, 4.1], {
      lines: 214,
      last: 'killed by signal 9',
    }),
    corrupt: step(
      'corrupt',
      'Compare what was committed with what was claimed',
      'forEach',
      'read',
      'succeeded',
      [4.2, 12.9],
    ),
    extract: step('corrupt/extract', 'Compare: extract', 'sql', 'read', 'succeeded', [4.2, 7.1], {
      good: true,
      rows: 231_083,
    }),
    transform: step(
      'corrupt/transform',
      'Compare: transform',
      'sql',
      'read',
      'succeeded',
      [4.2, 12.9],
      {
        good: false,
        rows: 119_872,
      },
    ),
    choose: step('choose', 'Choose the checkpoint', 'decide', 'read', 'succeeded', [13, 13], {
      stage: 'transform',
      batch: 10,
    }),
    approve: step(
      'approve',
      'Approve the recovery',
      'approval',
      'read',
      open ? 'waiting' : gate.verb === 'approve' ? 'succeeded' : 'failed',
      [13, gate.until],
    ),
    quarantine: step('quarantine', 'Quarantine what is corrupt', 'sql', 'change', 'pending', null),
    restart: step('restart', 'Restart from the checkpoint', 'http', 'change', 'pending', null),
    follow: step('follow', 'Follow the job until it is done', 'check', 'read', 'pending', null),
    validate: step('validate', 'Validate against the source', 'sql', 'read', 'pending', null),
    notify: step('notify', 'Tell the people who wait', 'notify', 'change', 'pending', null),
  };
  const attempts = [
    attempt(steps.api, 1, 'succeeded', 1, 1.4),
    attempt(steps.table, 1, 'failed', 1, 1.6, {
      error: { type: 'Unreachable', message: 'the connection to orders was lost' },
    }),
    attempt(steps.table, 2, 'succeeded', 2.6, 3.4),
    attempt(steps.log, 1, 'succeeded', 3.5, 4.1, {
      written: { bytes: 18_442, sha256: 'c0ffee', truncated: false },
    }),
    attempt(steps.extract, 1, 'succeeded', 4.2, 7.1),
    attempt(steps.transform, 1, 'succeeded', 4.2, 12.9),
  ];
  steps.table.attempts = 2;
  const decisions: DecisionView[] = [];
  const decide = (
    id: string,
    verb: string,
    by: string,
    reason: string,
    seconds: number,
    code: string,
    message: string,
  ): void => {
    decisions.push({
      id,
      verb,
      about: { kind: 'gate', id: 'approve' },
      by,
      reason,
      at: at(seconds),
      accepted: code === 'accepted',
      code,
      message,
    });
  };
  if (!open) {
    decide(
      'd-1',
      'approve',
      'alice',
      'I know what I am doing',
      t - 300,
      'own-request',
      'alice started this run, so somebody else has to decide gate approve.',
    );
    decide(
      'd-2',
      gate.verb,
      'bob',
      'The checkpoint before is proved good; 20,000 rows again is fine',
      t,
      'accepted',
      `Gate approve is ${gate.verb === 'approve' ? 'approved' : 'rejected'}.`,
    );
    decide(
      'd-3',
      'reject',
      'carol',
      'wait for the backup',
      t + 2,
      'already-decided',
      'Gate approve was already decided; this decision changed nothing.',
    );
  }
  const view: RunView = {
    id: 'pipeline-recovery-20260301-011207-ab12',
    firstRunId: '0f1e2d3c',
    runbook: 'pipeline-recovery',
    runbookVersion: '1.2.0',
    title: 'Recover a failed data pipeline',
    type: 'INCIDENT_RESPONSE',
    priority: 'HIGH',
    targets: ['orders', 'orders-db'],
    state: open ? 'waiting' : 'running',
    planDigest: digest,
    startedAt: at(0),
    endedAt: null,
    requester: 'alice',
    reason: 'Orders are four hours late; the job died in transform',
    inputs: { pipeline: 'orders', job: 'job-17', tolerance: 0, maxRetries: 3 },
    uiUrl:
      'http://127.0.0.1:8233/namespaces/default/workflows/pipeline-recovery-20260301-011207-ab12/0f1e/history',
    steps: Object.values(steps),
    waitingFor: open
      ? [
          {
            kind: 'approval',
            id: 'approve',
            title: 'Approve the recovery',
            since: at(13),
            deadline: at(3_600),
            who: 'an operator other than the requester',
            deciders: 'anyone',
            verbs: ['approve', 'reject'],
            attempt: 1,
            digest,
            evidence,
            follows,
            command: `./runbook approve pipeline-recovery-20260301-011207-ab12 approve --digest ${digest}`,
          },
        ]
      : [],
    decisions,
    outputs: {},
    problem: null,
    source: 'temporal',
  };
  const wait: TimelineEntry = {
    at: at(13),
    until: open ? null : at(t),
    kind: 'wait',
    step: 'approve',
    attempt: 1,
    state: open ? 'waiting' : gate.verb === 'approve' ? 'approved' : 'rejected',
    by: open ? null : 'bob',
    text: `Approve the recovery: ${open ? 'waits for an operator other than the requester' : `${gate.verb === 'approve' ? 'approved' : 'rejected'} by bob`}`,
    evidence,
    digest: `sha256:${'a51c'.repeat(16)}`,
    follows,
  };
  const begun: TimelineEntry = {
    at: at(0),
    until: null,
    kind: 'start',
    step: null,
    attempt: null,
    state: 'running',
    by: 'alice',
    text: 'alice started pipeline-recovery 1.2.0',
  };
  return { view, attempts, history: [begun, wait], generatedAt: at(t + 600) };
}

/** Waits at its gate. */
export function waitingReport(): Report {
  return story({ until: null, verb: 'approve' });
}

/** Approved after 40 minutes; a worker died in the restart; all ended well. */
export function succeededReport(): Report {
  const report = story({ until: 2_413, verb: 'approve' });
  finish(report, 'succeeded', [
    ['quarantine', 'succeeded', [[1, 'succeeded', 0.2, 1.9]], { rows: 9_872, checkpoint: 11 }],
    [
      'restart',
      'succeeded',
      [
        [1, 'lost', 2, 12.4],
        [2, 'succeeded', 13, 13.6],
      ],
      { job: 'job-18', repeated: true },
    ],
    ['follow', 'succeeded', [[1, 'succeeded', 13.7, 41.2]], { status: 'completed', percent: 100 }],
    [
      'validate',
      'succeeded',
      [[1, 'succeeded', 41.3, 43.8]],
      { rows: 231_016, duplicates: 0, missing: 0, valid: true },
    ],
    ['notify', 'succeeded', [[1, 'succeeded', 43.9, 44.2]], 'sent'],
  ]);
  report.view.outputs = {
    job: 'job-18',
    rows: 231_016,
    duplicates: 0,
    lost: 0,
    checkpoint: { stage: 'transform', batch: 10 },
  };
  return report;
}

/** The restarted job failed again and again; what was changed was undone. */
export function rolledBackReport(): Report {
  const report = story({ until: 213, verb: 'approve' });
  finish(report, 'rolled-back', [
    [
      'quarantine',
      'undone',
      [
        [1, 'succeeded', 0.2, 1.9],
        [1, 'succeeded', 34, 35.1, true],
      ],
      { restored: 9_872 },
    ],
    [
      'restart',
      'undone',
      [
        [1, 'succeeded', 2, 2.6],
        [1, 'succeeded', 32, 33.9, true],
      ],
      { stopped: 'job-18' },
    ],
    [
      'follow',
      'failed',
      [
        [1, 'failed', 2.7, 12],
        [2, 'failed', 14, 22],
        [3, 'timed-out', 25, 31.5],
      ],
      null,
    ],
  ]);
  const problem = {
    type: 'CheckFailed' as const,
    message: 'the job failed again: poison-record at seq 110042',
    next: 'Repair the record in the source, then start the runbook again.',
  };
  report.view.problem = problem;
  for (const view of report.view.steps) if (view.id === 'follow') view.error = problem;
  for (const one of report.attempts) if (one.step === 'follow') one.error = problem;
  return report;
}

type Try = [number: number, state: AttemptState, from: number, to: number, undo?: boolean];

function finish(
  report: Report,
  state: RunView['state'],
  parts: [id: string, state: StepState, tries: Try[], output: Json][],
): void {
  const gate = Date.parse(report.view.steps.find(({ id }) => id === 'approve')?.endedAt ?? '');
  const after = (gate - start) / 1_000;
  let end = 0;
  for (const [id, stepState, tries, output] of parts) {
    const row = report.view.steps.find((candidate) => candidate.id === id);
    if (!row) throw new Error(`the story has no step ${id}`);
    row.state = stepState;
    row.output = output;
    row.attempts = tries.filter(([, , , , undo]) => !undo).length;
    row.startedAt = at(after + Math.min(...tries.map(([, , from]) => from)));
    row.endedAt = at(after + Math.max(...tries.map(([, , , to]) => to)));
    for (const [number, tried, from, to, undo] of tries)
      report.attempts.push(
        attempt(row, number, tried, after + from, after + to, undo ? { undo } : {}),
      );
    end = Math.max(end, ...tries.map(([, , , to]) => to));
  }
  report.view.state = state;
  report.view.endedAt = at(after + end + 0.3);
}
