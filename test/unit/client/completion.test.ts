import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync, chmodSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { canBeAbout, suggest, type Choices, type RunToFit } from '../../../client/completion.js';
import { completionScript } from '../../../client/completion-scripts.js';
import { rulesOfQuestion, verbsFor, type QuestionKind } from '../../../common/questions.js';
import { createProgram } from '../../../client/program.js';
import { recordedIo } from './fake-io.js';

const offering = (...values: string[]) =>
  Promise.resolve(values.map((value) => ({ value, description: '' })));
const choices: Choices = {
  runs: () => offering('orders-1', 'orders-2'),
  runbooks: () => offering('pipeline-recovery', 'rotate-logs'),
  targets: () => offering('orders', 'billing'),
  schedules: () => offering('nightly', 'weekly'),
  waits: (run, verb) => offering(`${verb}-in-${run}`),
  steps: (run) => offering(`step-of-${run}`),
  inputs: (runbook) => offering(`input-of-${runbook}`, 'pipeline'),
  values: (runbook, name) => offering(`${name}-in-${runbook}`),
};
const of = async (...words: string[]): Promise<string[]> =>
  (await suggest(createProgram(recordedIo()), words, choices)).map(({ value }) => value);

describe('suggestions', () => {
  test.each([
    [['sta'], ['start', 'status']],
    [['comp'], ['completion']],
    [['--out'], ['--output']],
    [
      ['--output', 'j'],
      ['json', 'jsonl'],
    ],
    [
      ['--output', '=', 'j'],
      ['json', 'jsonl'],
    ],
    [['start', 'pipe'], ['pipeline-recovery']],
    [['runs', '--runbook', 'rot'], ['rotate-logs']],
    [['start', 'pipeline-recovery', '--rea'], ['--reason']],
    [
      ['status', ''],
      ['@latest', 'orders-1', 'orders-2'],
    ],
    [
      ['status', '--output', 'json', 'ord'],
      ['orders-1', 'orders-2'],
    ],
    [['status', 'orders-1', ''], []],
    [['approve', 'orders-1', ''], ['approve-in-orders-1']],
    [['retry', '--reason', 'x', 'orders-2', ''], ['retry-in-orders-2']],
    // As bash hands it over, and as zsh does.
    [['retry', '--input', 'a', '=', 'b', 'orders-2', ''], ['retry-in-orders-2']],
    [
      ['start', 'x', '--input', ''],
      ['input-of-x=', 'pipeline='],
    ],
    [['start', 'x', '--input', 'pipe'], ['pipeline=']],
    [['start', 'x', '--input', 'pipeline', '='], ['pipeline-in-x']],
    [['start', 'x', '--input', 'pipeline', '=', 'pipe'], ['pipeline-in-x']],
    [['start', 'x', '--input', 'pipeline='], ['pipeline=pipeline-in-x']],
    [['start', '--from', 'orders-1', '--at', ''], ['step-of-orders-1']],
    [['schedule', 'pause', 'w'], ['weekly']],
    [['schedule', 'create', ''], []],
    [['logs', '@latest', ''], ['step-of-@latest']],
    [['leases', 'or'], ['orders']],
    [
      ['runs', '--target', ''],
      ['orders', 'billing'],
    ],
    [['schedule', 'pa'], ['pause']],
    [['schedule', 'create', 'nightly', 'rot'], ['rotate-logs']],
    [
      ['wait', '@latest', '--for', ''],
      ['decision', 'done'],
    ],
    [
      ['runs', '--state', 'roll'],
      ['rolling-back', 'rolled-back'],
    ],
    [
      ['completion', ''],
      ['bash', 'zsh', 'fish'],
    ],
    [['start', 'x', '--reason', ''], []],
    [
      ['nonsense', '--output', ''],
      ['text', 'json', 'jsonl'],
    ],
  ])('%j', async (words, expected) => {
    expect(await of(...words)).toEqual(expected);
  });

  test('every flag of every verb is offered', async () => {
    for (const verb of createProgram(recordedIo()).commands.filter(
      (each) => each.name() !== 'complete',
    )) {
      const offered = await of(verb.name(), '-');
      for (const option of verb.options) expect(offered).toContain(option.long);
      expect(offered).toContain('--output');
    }
  });

  test('runs and runbooks are asked for only where one may stand', async () => {
    const asked: string[] = [];
    const noted = (what: string) => () => offering(String(asked.push(what)));
    const words = [['sta'], ['start', ''], ['status', '']];
    for (const each of words)
      await suggest(createProgram(recordedIo()), each, {
        runs: noted('runs'),
        runbooks: noted('runbooks'),
        targets: noted('targets'),
        schedules: noted('schedules'),
        waits: noted('waits'),
        steps: noted('steps'),
        inputs: noted('inputs'),
        values: noted('values'),
      });
    expect(asked).toEqual(['runbooks', 'runs']);
  });
});

describe('the runs that a verb can be about', () => {
  const asks = (kind: QuestionKind): RunToFit => ({
    state: rulesOfQuestion(kind).state,
    waitingFor: [{ verbs: verbsFor(kind) }],
  });
  const runs: Record<string, RunToFit> = {
    ...{
      running: { state: 'running', waitingFor: [] },
      paused: { state: 'paused', waitingFor: [] },
    },
    ...{ gate: asks('approval'), failed: asks('failure'), undo: asks('undo') },
    ...{ hand: asks('manual'), held: asks('lease') },
    ended: { state: 'failed', waitingFor: [] },
  };
  const live = Object.keys(runs).filter((name) => name !== 'ended');

  test.each<[string, string[]]>([
    ['status', Object.keys(runs)],
    ['logs', Object.keys(runs)],
    ['ack', ['gate', 'failed', 'undo', 'hand', 'held']],
    ['approve', ['gate']],
    ['reject', ['gate']],
    ['retry', ['failed', 'undo']],
    ['skip', ['failed', 'undo', 'hand']],
    ['done', ['failed', 'undo', 'hand']],
    ['rollback', live],
    ['abort', live],
    ['take-over', ['held']],
    ['cancel', live],
    ['pause', live.filter((name) => name !== 'paused')],
    ['resume', ['paused']],
  ])('%s', (verb, expected) => {
    const found = Object.entries(runs).filter(([, run]) => canBeAbout(verb, run));
    expect(found.map(([name]) => name)).toEqual(expected);
  });
});

const hasBash = spawnSync('bash', ['--version']).status === 0;

describe('the script for bash', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'runbook-completion-'));
    writeFileSync(
      join(folder, 'runbook'),
      '#!/bin/sh\nprintf "%s|" "$@" > "$LOG"\nprintf "start\\tstart a run\\nstatus\\tshow a run\\n"\n',
    );
    chmodSync(join(folder, 'runbook'), 0o755);
    writeFileSync(join(folder, 'completion.bash'), completionScript('bash'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** What bash offers for these words, the last one being typed; and what our program was asked. */
  function complete(...words: string[]): { offered: string; asked: string } {
    const log = join(folder, 'asked');
    const script =
      'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _runbook; printf "%s\\n" "${COMPREPLY[@]}"';
    const offered = execFileSync(
      'bash',
      ['-c', script, 'bash', join(folder, 'completion.bash'), 'runbook', ...words],
      {
        encoding: 'utf8',
        cwd: folder,
        env: { PATH: `${folder}:${process.env['PATH']}`, LOG: log },
      },
    );
    return { offered, asked: execFileSync('cat', [log], { encoding: 'utf8' }) };
  }

  (hasBash ? test : test.skip)('offers what the program says', () => {
    expect(complete('sta')).toEqual({ offered: 'start\nstatus\n', asked: 'complete|--|sta|' });
  });

  (hasBash ? test : test.skip)('never runs what somebody has typed', () => {
    const typed = `$(touch ${folder}/pwned)`;
    const { asked } = complete('start', '--reason', typed, ';touch pwned', '`touch pwned`');
    expect(existsSync(join(folder, 'pwned'))).toBe(false);
    expect(asked).toBe(`complete|--|start|--reason|${typed}|;touch pwned|\`touch pwned\`|`);
  });
});
