import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { painter } from '../../../client/output.js';
import { wrap } from '../../../common/plain.js';
import { liveFrame, renderLive, renderView } from '../../../client/view.js';
import type { StepView, WaitView } from '../../../common/view.js';
import { step, view } from './views.js';

const plain = painter({ isTTY: false, env: {} });
const now = Date.parse('2026-03-01T02:05:00.000Z');
const show = (run: ReturnType<typeof view>): string =>
  renderView(run, { paint: plain, columns: 80, now });

const wait: WaitView = {
  kind: 'approval',
  id: 'gate',
  title: 'Approve the recovery',
  since: '2026-03-01T02:01:00.000Z',
  deadline: '2026-03-01T03:00:00.000Z',
  who: 'an operator other than the requester',
  deciders: 'anyone',
  verbs: ['approve', 'reject'],
  attempt: 1,
  digest: 'sha256:1',
  evidence: {
    stage: 'transform',
    'rows that will be processed again by everything': 12,
    corrupt: ['a', 'b'],
    none: [],
  },
  command: 'runbook approve orders-20260301-020000-ab12 gate --digest sha256:1',
};

describe('a run as a person reads it', () => {
  test('says who waits for what, shows the evidence and both commands', () => {
    const text = show(view({ state: 'waiting', waitingFor: [wait] }));
    expect(text).toContain('Waits for an operator other than the requester: Approve the recovery');
    expect(text.replaceAll(/\s+/g, ' ')).toContain(
      'until 2026-03-01 03:00:00 UTC; no answer by then rejects it',
    );
    expect(text).toMatch(/stage +transform/);
    expect(text).toMatch(/corrupt +a, b/);
    expect(text).toContain(wait.command);
    expect(text).toContain('runbook reject orders-20260301-020000-ab12 gate --digest sha256:1\n');
    expect(text).toContain(`form for scripts: ${wait.command} --reason TEXT --yes`);
  });

  test.each([
    ['Rejected', 'rejected'],
    ['Expired', 'expired'],
    ['CommandFailed', 'failed'],
  ] as const)('a gate that ended with %s is told as %s', (type, word) => {
    const gate = step('gate', {
      ...{ kind: 'approval' as const, effect: 'read' as const, state: 'failed' as const },
      startedAt: '2026-03-01T02:00:01.000Z',
      ...{ endedAt: '2026-03-01T02:00:02.000Z', error: { type, message: 'too risky' } },
    });
    const state = word === 'failed' ? 'failed' : 'rejected';
    expect(show(view({ state, endedAt: gate.endedAt, steps: [gate] }))).toMatch(
      new RegExp(`✗ +gate .* ${word} `),
    );
  });

  test('shows the error of a step below it once, also when its group failed with it', () => {
    const error = {
      type: 'HttpDenied' as const,
      message: 'the token is refused',
      next: 'Check the secret.',
    };
    const failed = {
      state: 'failed' as const,
      attempts: 1,
      startedAt: '2026-03-01T02:00:01.000Z',
      endedAt: '2026-03-01T02:00:02.000Z',
      error,
    };
    const text = show(
      view({
        state: 'failed',
        endedAt: '2026-03-01T02:00:02.000Z',
        steps: [step('all', failed), step('all/a', failed), step('later')],
      }),
    );
    expect(text.match(/the token is refused\. Next: Check the secret\./g)).toHaveLength(1);
    expect(text).toContain('not begun');
  });

  test('of an ended run nothing counts on', () => {
    expect(show(view({ state: 'succeeded', endedAt: '2026-03-01T02:01:30.000Z' }))).toMatch(
      /took +1 min 30 s\n/,
    );
  });

  test('neighbours that were not needed for one reason are one row with the reason; others, and other groups, are not', () => {
    const idle = (id: string, output: string): StepView =>
      step(id, {
        state: 'not-needed',
        output,
        startedAt: '2026-03-01T02:00:01.000Z',
        endedAt: '2026-03-01T02:00:01.000Z',
      });
    const proxied = 'the service runs behind a proxy';
    const steps = [
      idle('shift/canary', proxied),
      idle('shift/image', proxied),
      idle('shift/follow', proxied),
      step('shift/smoke', { state: 'succeeded' }),
      idle('shift/last', proxied),
      idle('watch/pods', proxied),
      idle('watch/accept', 'nobody changed it'),
    ];
    const rows = show(view({ steps }))
      .split('\n')
      .filter((each) => each.includes('not-needed'));
    expect(rows.map((row) => row.replace(/ +/g, ' ').trim())).toEqual([
      `– shift/… 3 steps: ${proxied} not-needed`,
      '– shift/last Title of shift/last not-needed',
      '– watch/pods Title of watch/pods not-needed',
      '– watch/accept Title of watch/accept not-needed',
    ]);
  });

  test('live: good parts are folded, what waits stands at the end', () => {
    const done = {
      state: 'succeeded' as const,
      startedAt: '2026-03-01T02:00:01.000Z',
      endedAt: '2026-03-01T02:00:02.000Z',
    };
    const run = view({
      state: 'waiting',
      steps: [step('all', done), step('all/a', done), step('gate', { state: 'waiting' })],
      waitingFor: [wait],
    });
    const { head, body, foot } = liveFrame(run, { paint: plain, columns: 80, now });
    const text = [head, body, ...foot].join('\n\n');
    expect(text).not.toContain('all/a');
    expect(text.indexOf(wait.command)).toBeGreaterThan(text.indexOf('Title of gate'));
  });
});

describe('text from outside', () => {
  const hostile = '\u001b[2J\u001b]0;title\u0007\u202egnp.exe\r\nfake: approve';

  test('cannot move the cursor, turn text around or add lines', () => {
    const text = show(
      view({
        reason: hostile,
        requester: hostile,
        steps: [
          step('a', {
            title: hostile,
            state: 'failed',
            startedAt: view().startedAt,
            error: { type: 'Error', message: hostile },
          }),
        ],
        waitingFor: [{ ...wait, evidence: { [hostile]: hostile } }],
      }),
    );
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/);
    expect(text.split('\n').filter((each) => each.startsWith('fake'))).toEqual([]);
  });

  test('whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
        const shown = show(view({ reason: text, outputs: { [text]: text } }));
        expect(shown).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/);
      }),
      { numRuns: 200 },
    );
  });
});

describe('text', () => {
  test('wrapping loses no word and breaks none', () => {
    fc.assert(
      fc.property(fc.array(fc.stringMatching(/^[a-z]{1,30}$/), { minLength: 1 }), (words) => {
        expect(wrap(words.join(' '), 40, '  ').split(/\s+/).filter(Boolean)).toEqual(words);
      }),
    );
  });

  const approve = './runbook approve orders-1 approve_clean --digest sha256:0fe4';
  const remove = "run rm -f -- '/srv/shop/a b' /srv/shop/notes.txt /srv/shop/more.txt";
  test.each([
    ['in the history', `waits for a decision: ${approve}`, approve],
    ['as the next step', `Look at what it did. Read it with: ${approve}`, approve],
    ['before another sentence', `Read it with: ${approve}. Or see the runs.`, approve],
    [
      'under a name of its own',
      'Go on with: docker compose run cli resume r',
      'docker compose run cli resume r',
    ],
    ['as the way back', `clean (Clean up): left as it is; by hand: ${remove}`, remove],
    ['behind words of its author', `left as it is; by hand: Remove them: ${remove}`, remove],
    ['that an approval lets happen', `undo: ${remove}`, remove],
    [
      'in a sentence',
      'Or start one there: ./runbook worker --notify NAME',
      './runbook worker --notify NAME',
    ],
  ])('a command %s is never broken', (_where, text, command) => {
    for (const width of [20, 40, 60, 80]) {
      const lines = wrap(text, width, '  ').split('\n');
      expect(lines.filter((each) => each.includes(command))).toHaveLength(1);
      // All else fits.
      expect(lines.filter((each) => each.length > width && !each.includes(command))).toEqual([]);
      expect(lines.map((each) => each.trim()).join(' ')).toBe(text);
    }
  });
});

test('a paused run says who paused it, since when and why, and how it goes on', () => {
  const by = (verb: string, change = {}) => ({
    ...{ id: verb, verb, about: null, by: 'otto', reason: 'network people', code: 'accepted' },
    ...{ at: '2026-03-01T02:03:00.000Z', accepted: true, message: '', ...change },
  });
  const told = (decisions: ReturnType<typeof by>[], state: 'paused' | 'running' = 'paused') =>
    [renderView, renderLive].map((render) =>
      render(view({ state, decisions }), { paint: plain, columns: 200, now, command: './runbook' }),
    );
  for (const text of told([by('resume'), by('pause'), by('resume', { accepted: false })])) {
    expect(text).toMatch(/Paused by otto .* since 2026-03-01 02:03:00 UTC.*: network people\n/);
    expect(text).toContain('./runbook resume orders-20260301-020000-ab12');
  }
  // A long run has dropped the decision.
  for (const text of told([])) expect(text).toContain('./runbook resume orders-');
  for (const text of told([by('pause'), by('resume')], 'running'))
    expect(text).not.toContain('Paused by');
});

test('a message that went to nobody says so below its step', () => {
  const why = 'no channel was given; the message is kept in the report';
  const notify = (sent: boolean) =>
    show(
      view({
        state: 'succeeded',
        endedAt: '2026-03-01T02:01:00.000Z',
        steps: [step('notify', { kind: 'notify', state: 'succeeded', output: { sent, why } })],
      }),
    );
  expect(notify(false)).toContain(`\n   told nobody: ${why}`);
  expect(notify(true)).not.toContain('told nobody');
});

test('evidence with lines of its own keeps them, spaces included', () => {
  const printed = 'NAME     SIZE\na.txt      12\nb.txt    1200\n';
  const waits = { ...wait, evidence: { 'what is there': printed, host: 'web1' } };
  const text = show(view({ state: 'waiting', waitingFor: [waits] }));
  expect(text).toContain('what is there  NAME     SIZE\n                 a.txt      12\n');
  expect(text).toContain('\n                 b.txt    1200\n  host           web1\n');
});

test('the time of a step is not that of its undo', () => {
  const times = {
    startedAt: '2026-03-01T02:00:00.000Z',
    endedAt: '2026-03-01T02:01:26.000Z',
  };
  const of = (state: 'succeeded' | 'undone') =>
    show(
      view({
        state: 'rolled-back',
        endedAt: times.endedAt,
        steps: [step('close', { state, ...times })],
      }),
    );
  expect(of('succeeded')).toMatch(/close .* 1 min 26 s\n/);
  expect(of('undone')).not.toMatch(/close .* 1 min 26 s/);
});
