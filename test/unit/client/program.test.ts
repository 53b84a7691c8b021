import { describe, expect, test } from '@jest/globals';
import { Command, type CommanderError } from 'commander';
import { createProgram, runCli } from '../../../client/program.js';
import { registerApprove } from '../../../client/commands/approve.js';
import { registerStart, type StartOptions } from '../../../client/commands/start.js';
import { registerWait } from '../../../client/commands/wait.js';
import { allVerbs, verbsOf } from '../../../client/verbs.js';
import { globalOptions } from '../../../client/options.js';
import { catalogue } from '../../../workflows/catalogue.js';
import { recordedIo } from './fake-io.js';

const ansi = /\u001b/;

describe('what a mistyped command line is told', () => {
  test.each([
    [
      'an unknown verb',
      ['aprove', 'x'],
      /Unknown command 'aprove'/,
      /Did you mean approve\?.*runbook --help/,
    ],
    [
      'an unknown flag',
      ['status', 'x', '--strickt'],
      /Unknown option '--strickt'/,
      /Did you mean --strict\?.*runbook status --help/,
    ],
    ['a missing argument', ['status'], /Missing required argument 'run'/, /runbook status --help/],
    ['one argument too many', ['status', 'a', 'b'], /Too many arguments/, /runbook status --help/],
    [
      'a flag without its value',
      ['start', 'x', '--reason'],
      /argument missing/,
      /runbook start --help/,
    ],
    [
      'a value outside the choices',
      ['wait', 'x', '--for', 'tea'],
      /Allowed choices are decision, done/,
      /runbook wait --help/,
    ],
    [
      'a duration that is none',
      ['wait', 'x', '--timeout', '5'],
      /no duration.*30s/,
      /runbook wait --help/,
    ],
    [
      'an input without a name',
      ['start', 'x', '--input', '=v'],
      /name=value/,
      /runbook start --help/,
    ],
    [
      'an output format that there is not',
      ['list', '--output', 'xml'],
      /Allowed choices are text, json, jsonl/,
      /runbook list --help/,
    ],
    [
      'a runbook that there is not',
      ['show', 'pipline-recovery'],
      /no runbook "pipline-recovery"/,
      /Did you mean pipeline-recovery\?/,
    ],
    [
      'an id that no link would take',
      ['start', 'x', '--id', 'a b/c'],
      /--id cannot be used/,
      /letters, digits/,
    ],
  ])('%s: %j', async (_name, argv, message, next) => {
    const io = recordedIo();
    expect(await runCli(argv, io)).toBe(2);
    expect(io.out()).toBe('');
    const [first = '', second = '', ...rest] = io.err().trimEnd().split('\n');
    expect(first).toMatch(/^Error: /);
    expect(first).toMatch(message);
    expect(second).toMatch(/^Next: {2}/);
    expect(second).toMatch(next);
    expect(rest).toEqual([]);
  });

  test('with --output json the error is JSON, still on stderr', async () => {
    const io = recordedIo();
    expect(await runCli(['show', 'nothing', '--output', 'json'], io)).toBe(2);
    expect(io.out()).toBe('');
    expect(JSON.parse(io.err())).toMatchObject({
      exitCode: 2,
      error: expect.stringContaining('nothing'),
    });
  });
});

describe('help', () => {
  const program = createProgram(recordedIo());
  const verbs = verbsOf(program);
  const all = allVerbs(program).map(([words, verb]): [string, string] => {
    return [words, verb.description()];
  });

  test('every verb of the command line is there', () => {
    expect(verbs.map((command) => command.name()).sort()).toEqual(
      // prettier-ignore
      ['abort', 'ack', 'adopt', 'approve', 'cancel', 'completion', 'deployment', 'dev', 'doctor', 'done', 'fmt', 'history', 'leases', 'lint', 'list', 'logs', 'new', 'open', 'pause', 'plan', 'reject', 'report', 'resume', 'retry', 'rollback', 'runs', 'schedule', 'schema', 'setup', 'show', 'skip', 'start', 'status', 'take-over', 'test', 'wait', 'watch', 'worker'],
    );
  });

  test.each(all)(
    'of %s says what it does, with an example, on stdout, however it is asked for',
    async (words, description) => {
      const verb = words.split(' ');
      const asked = [
        [...verb, '--help'],
        ['-h', ...verb],
        ['--help', ...verb],
        ['help', ...verb],
      ];
      const answers = asked.map(async (argv) => {
        const io = recordedIo();
        expect(await runCli(argv, io)).toBe(0);
        expect(io.err()).toBe('');
        return io.out();
      });
      const [help = '', ...others] = await Promise.all(answers);
      for (const other of others) expect(other).toBe(help);
      expect(help).toMatch(new RegExp(`Examples:\\n  .*runbook ${words}`));
      expect(description).toMatch(/^[A-Za-z].{10,75}[^.]$/);
      expect(help).not.toMatch(ansi);
    },
  );

  test('of everything tells the exit codes, and stands in 80 columns', async () => {
    const io = recordedIo();
    expect(await runCli([], io)).toBe(0);
    expect(io.out()).toContain('8 waiting for people');
    expect(io.out()).not.toContain(' complete ');
    for (const line of io.out().split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });

  test('the version is that of the package', async () => {
    const io = recordedIo();
    expect(await runCli(['--version'], io)).toBe(0);
    expect(io.out()).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

/** Parses with a run function that only takes note of what it was given. */
async function parsed<T>(
  register: (program: Command, io: never, run: never) => void,
  argv: string[],
): Promise<T> {
  const program = new Command().exitOverride().configureOutput({ writeErr: () => undefined });
  for (const option of globalOptions()) program.addOption(option);
  let given: unknown;
  const run = (options: unknown): Promise<number> => {
    given = options;
    return Promise.resolve(0);
  };
  register(program, recordedIo() as never, run as never);
  await program
    .parseAsync(argv, { from: 'user' })
    .catch((error: CommanderError) => Promise.reject(error));
  return given as T;
}

describe('options', () => {
  test('start', async () => {
    const argv = [
      'start',
      'r',
      '--input',
      'a=1',
      '--input',
      'b=x=y',
      '--reason',
      'why',
      '--id',
      'i',
      '--yes',
      '--namespace',
      'n',
    ];
    expect(await parsed<StartOptions>(registerStart, argv)).toEqual({
      runbook: 'r',
      input: { a: '1', b: 'x=y' },
      reason: 'why',
      id: 'i',
      yes: true,
      namespace: 'n',
      color: true,
    });
  });

  test('global flags stand before or behind the verb', async () => {
    for (const argv of [
      ['--output', 'json', 'wait', 'x'],
      ['wait', 'x', '--output', 'json'],
    ]) {
      expect(await parsed(registerWait, argv)).toMatchObject({
        run: 'x',
        output: 'json',
        for: 'done',
      });
    }
  });

  test('durations are read as milliseconds', async () => {
    expect(await parsed(registerWait, ['wait', 'x', '--timeout', '1m30s'])).toMatchObject({
      timeout: 90_000,
    });
  });

  test('a gate may be left out', async () => {
    expect(await parsed(registerApprove, ['approve', 'x', '--reason', 'y'])).toEqual({
      verb: 'approve',
      run: 'x',
      reason: 'y',
      color: true,
    });
    expect(await parsed(registerApprove, ['approve', 'x', 'g'])).toMatchObject({ about: 'g' });
  });
});

describe('the catalogue', () => {
  const titles = catalogue.map(({ title }) => title);

  test.each([
    ['list', 80, titles],
    ['list', 140, titles],
    ['show', 80, ['pipeline-recovery']],
  ])(
    '%s reads it without a server, in %i columns, and cuts nothing',
    async (verb, columns, all) => {
      const io = recordedIo({ columns });
      expect(await runCli(verb === 'show' ? [verb, 'pipeline-recovery'] : [verb], io)).toBe(0);
      const words = io.out().replace(/\s+/g, ' ');
      if (verb === 'list') expect(words).not.toContain('…');
      for (const each of all) for (const word of each.split(' ')) expect(words).toContain(word);
      expect(io.err()).toBe('');
      for (const line of io.out().split('\n')) expect(line.length).toBeLessThanOrEqual(columns);
    },
  );

  test('what is piped is neither cut nor wrapped: a line for each runbook', async () => {
    const io = recordedIo();
    expect(await runCli(['list'], io)).toBe(0);
    const rows = io.out().trimEnd().split('\n').slice(1);
    expect(rows).toHaveLength(titles.length);
    titles.forEach((title, index) => expect(rows[index]).toContain(title));
  });

  test('as JSON, whole', async () => {
    const io = recordedIo();
    expect(await runCli(['list', '--output', 'json'], io)).toBe(0);
    expect(JSON.parse(io.out())).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ id: 'pipeline-recovery', version: expect.any(String) }),
      ]),
    );
    const lines = recordedIo();
    expect(await runCli(['list', '--output', 'jsonl'], lines)).toBe(0);
    for (const line of lines.out().trim().split('\n'))
      expect(JSON.parse(line)).toHaveProperty('id');
  });
});

describe('colour', () => {
  test.each([
    ['on a terminal', { isTTY: true }, [], true],
    ['without a terminal', { isTTY: false }, [], false],
    ['with NO_COLOR', { isTTY: true, env: { NO_COLOR: '1' } }, [], false],
    ['with --no-color', { isTTY: true }, ['--no-color'], false],
    ['on a dumb terminal', { isTTY: true, env: { TERM: 'dumb' } }, [], false],
  ])('%s', async (_name, change, flags, colored) => {
    const io = recordedIo({
      ...change,
      env: { RUNBOOK_COMMAND: 'runbook', ...('env' in change ? change.env : {}) },
    });
    await runCli(['show', 'pipeline-recovery', ...flags], io);
    await runCli(['show', 'nothing', ...flags], io);
    expect(ansi.test(io.out())).toBe(colored);
    expect(ansi.test(io.err())).toBe(colored);
  });
});
