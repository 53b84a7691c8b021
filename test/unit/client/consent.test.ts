import { PassThrough } from 'node:stream';
import { describe, expect, test } from '@jest/globals';
import type { Command } from 'commander';
import { reasonFor, reasonToStart } from '../../../client/consent.js';
import { runCli } from '../../../client/program.js';
import { consenting } from '../../helpers/consenting.js';
import { allVerbs } from '../../helpers/verbs.js';
import { recordedIo, type RecordedIo } from './fake-io.js';

/*
 * Who says yes before a verb acts. The verbs come from the program: one that is added is either
 * among those that act, or has to be named here.
 */

/** Verbs that change no run, no schedule and no version of the workers. */
const others = [
  ...['completion', 'doctor', 'history', 'leases', 'list', 'logs', 'open', 'plan', 'report'],
  ...['runs', 'schedule list', 'show', 'status', 'wait', 'watch'],
  // Read runbook files, or write them.
  ...['fmt', 'lint', 'new', 'schema', 'test'],
  // Serve until they are stopped, prepare the servers, and take a wait upon oneself.
  ...['dev', 'worker', 'setup', 'ack'],
];

const verbs = allVerbs();
const acting = [...verbs].filter(([, verb]) => verb.options.some(({ long }) => long === '--yes'));

/** The verb with all its arguments, and with what makes it act. */
function argvOf(words: string, verb: Command): string[] {
  const names = verb.registeredArguments.map((each) => `any-${each.name()}`);
  const acts = words === 'deployment' ? ['--use', 'v1'] : [];
  return [...words.split(' '), ...names, ...acts];
}

const env = {
  RUNBOOK_COMMAND: 'runbook',
  RUNBOOK_HOME: '/nonexistent',
  TEMPORAL_ADDRESS: '127.0.0.1:1',
};
const io = (change: Partial<RecordedIo> = {}): RecordedIo => recordedIo({ env, ...change });

test('every verb either asks or is one of those that change nothing', () => {
  const names = acting.map(([words]) => words);
  expect([...names, ...others].sort()).toEqual([...verbs.keys()].sort());
});

describe.each(acting)('%s', (words, verb) => {
  test('without a terminal it wants --yes, says so, and connects to nothing', async () => {
    const nobody = io();
    expect(await runCli(argvOf(words, verb), nobody)).toBe(2);
    expect(nobody.out()).toBe('');
    expect(nobody.err()).toMatch(/^Error: Nothing was \w+: there is no terminal to ask at\.\n/);
    expect(nobody.err()).toMatch(/\nNext: {2}.* --yes\n$/);
  });

  test('with --yes it goes on, and asks nobody at a terminal either', async () => {
    const stdin = new PassThrough();
    const person = io({ isTTY: true, canAsk: true, stdin });
    const argv = [...argvOf(words, verb), '--reason', 'x'].slice(
      0,
      hasReason(verb) ? undefined : -2,
    );
    await runCli(consenting(argv), person);
    expect(person.err()).not.toContain('no terminal');
    expect(person.err()).not.toMatch(/\[y\/N\]|Reason:/);
  }, 20_000);
});

function hasReason(verb: Command): boolean {
  return verb.options.some(({ long }) => long === '--reason');
}

test.each(['', ' ', '…', '...', ' … ', '.', '\u200b'])('the reason %j is none', async (reason) => {
  const script = io();
  expect(await runCli(['approve', 'run', '--yes', '--reason', reason], script)).toBe(2);
  expect(script.err()).toContain('A decision needs a reason; nothing was sent.');
});

describe('at a terminal', () => {
  /** A person who types these lines, each when asked. */
  function typing(lines: readonly string[]): RecordedIo {
    const stdin = new PassThrough();
    const stderr = new PassThrough();
    const rest = [...lines];
    const person = io({ isTTY: true, canAsk: true, stdin, stderr });
    let said = '';
    stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString('utf8');
      if (/Reason: /.test(said.split('\n').at(-1) ?? '') && rest.length > 0) {
        said = '';
        setImmediate(() => stdin.write(`${rest.shift()}\n`));
      }
    });
    return person;
  }

  test('Enter alone asks for the reason again', async () => {
    expect(await reasonFor(typing(['', '.', 'looked at it']), {}, true)).toBe('looked at it');
  });

  test('whoever gives none in three times sends nothing', async () => {
    const person = typing(['', ' ', '…', 'too late']);
    await expect(reasonFor(person, {}, true)).rejects.toThrow('A decision needs a reason');
  });

  test('whoever starts a run is asked why; a script may leave it out', async () => {
    expect(await reasonToStart(typing(['flights are late']), {}, true)).toBe('flights are late');
    await expect(reasonToStart(typing(['', '…', ' ']), {}, true)).rejects.toMatchObject({
      ...{ exitCode: 2, message: 'A start needs a reason; nothing was started.' },
    });
    expect(await reasonToStart(io(), { reason: 'given' }, true)).toBe('given');
    expect(await reasonToStart(io(), { yes: true }, false)).toBe('');
  });
});
