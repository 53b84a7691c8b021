import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { admitHere } from '../../../activities/admit.js';
import { AttemptPrograms } from '../../../activities/attempt-programs.js';
import { StepFailure } from '../../../activities/failure.js';
import { programsOf } from '../../../activities/program-names.js';
import { Programs } from '../../../activities/programs.js';
import { Targets } from '../../../activities/targets.js';
import type { StartEnvelope } from '../../../common/envelope.js';
import type { Program } from '../../../language/plan.js';
import type { CommandAction } from '../../../language/kinds/command.js';
import type { RunbookSpec } from '../../../language/runbook.js';
import { catalogue } from '../../../workflows/catalogue.js';
import { change, lasting, runbook } from '../../driver/plans.js';
import { envelope } from '../../driver/world.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'runbook-look-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const at = (...names: string[]): string => join(folder, ...names);
const digest = (text: string): string =>
  `sha256:${createHash('sha256').update(text).digest('hex')}`;

function file(name: string, text: string, mode = 0o755): string {
  mkdirSync(join(at(name), '..'), { recursive: true });
  writeFileSync(at(name), text, { mode });
  return at(name);
}

describe('which programs a command runs, by its words', () => {
  test.each<[string, (string | object)[], string[]]>([
    ['a path', ['/opt/x', '/opt/y'], ['/opt/x']],
    ['a script behind its interpreter', ['python3', '/opt/x.py', 'y'], ['python3', '/opt/x.py']],
    ['a script behind options', ['python3', '-u', '/opt/x.py'], ['python3', '/opt/x.py']],
    ['and behind their arguments', ['python3', '-W', 'ignore', 'x.py'], ['python3', 'x.py']],
    ['of node', ['node', '--trace-warnings', 'x.js', 'y'], ['node', 'x.js']],
    ['beside other code', ['node', '-r', './a', '--import', 'b', 'x.js'], ['node', 'x.js']],
    ['of perl with a module', ['perl', '-MFoo', '-I', 'lib', 'x.pl'], ['perl', 'x.pl']],
    ['code of perl', ['perl', '-Ilib', '-ne', 'print', 'x'], ['perl']],
    ['of a shell', ['sh', '-e', 'x.sh'], ['sh', 'x.sh']],
    ['of bash', ['bash', '-eo', 'pipefail', '--', 'x.sh'], ['bash', 'x.sh']],
    ['a module', ['python3', '-um', 'http.server'], ['python3']],
    ['code behind options', ['bash', '-euc', 'echo'], ['bash']],
    ['what comes from elsewhere', ['bash', '-'], ['bash']],
    ['code behind an interpreter', ['sh', '-c', '/opt/x'], ['sh']],
    ['an interpreter alone', ['bash'], ['bash']],
    ['a value behind an interpreter', ['psql', { $: 'inputs.x' }], ['psql']],
    ['sudo', ['sudo', '-n', '-u', 'app', '/opt/x', 'y'], ['sudo', '/opt/x']],
    ['env', ['env', 'A=b', 'bash', './x.sh'], ['env', 'bash', './x.sh']],
    ['a limit', ['timeout', '-k', '5', '30', '/opt/x'], ['timeout', '/opt/x']],
    ['a priority', ['nice', '--adjustment', '5', '/opt/x'], ['nice', '/opt/x']],
    ['a signal', ['timeout', '--signal', 'KILL', '5', '/opt/x'], ['timeout', '/opt/x']],
    ['an unknown option', ['systemd-run', '--unit', 'a', '/opt/x'], ['systemd-run', 'a', '/opt/x']],
    ['a wrapper alone', ['nice'], ['nice']],
    ['env in a folder', ['env', '-C', '/srv', '/opt/x'], ['env', '/opt/x']],
    ['env without variables', ['env', '-', '/opt/x'], ['env', '/opt/x']],
    ['what is found', ['find', '/a', '-exec', '/opt/x', '{}', ';'], ['find', '/opt/x']],
    ['what is watched', ['watch', '-n', '5', '/opt/x'], ['watch', '/opt/x']],
    ['many at once', ['parallel', '--jobs', '4', '/opt/x', '{}'], ['parallel', '/opt/x']],
    ['each line', ['xargs', '-n', '1', 'sudo', '/opt/x'], ['xargs', 'sudo', '/opt/x']],
    ['another root', ['chroot', '/mnt', '/opt/x'], ['chroot']],
    ['nothing', [], []],
  ])('%s', (_what, argv, expected) => {
    expect(programsOf({ argv }).map(({ name }) => name)).toEqual(expected);
  });

  test('with all that decides where they are found', () => {
    expect(programsOf({ argv: ['./x'], cwd: '/srv' })).toEqual([{ name: './x', cwd: '/srv' }]);
    expect(programsOf({ argv: ['x'], cwd: '/srv', env: { PATH: '/a' } })).toEqual([
      { name: 'x', path: '/a' },
    ]);
    expect(programsOf({ argv: ['/bin/sh', 'y'], cwd: '/srv' })).toEqual([
      { name: '/bin/sh' },
      { name: 'y', cwd: '/srv', script: true },
    ]);
    const inFolder = { name: './x', cwd: '/srv/a' };
    expect(programsOf({ argv: ['env', '-C', '/srv/a', './x'], cwd: '/opt' })[1]).toEqual(inFolder);
    expect(programsOf({ argv: ['env', '--chdir=a', './x'], cwd: '/srv' })[1]).toEqual(inFolder);
    const twice = ['env', '-C', 'a', 'sudo', '-D', 'b', 'sh', 'x'];
    expect(programsOf({ argv: twice, cwd: '/srv' }).at(-1)).toEqual({
      ...{ name: 'x', cwd: '/srv/a/b', script: true },
    });
    expect(programsOf({ argv: ['env', 'PATH=/a', 'x'] })[1]).toEqual({ name: 'x', path: '/a' });
    for (const without of [['-i'], ['-'], ['-u', 'PATH'], ['--unset=PATH']])
      expect(programsOf({ argv: ['env', ...without, 'x'] })[1]).toEqual({
        ...{ name: 'x', path: '/bin:/usr/bin' },
      });
    // Of a folder that is not known yet, nothing can be covered.
    const open = { $: 'inputs.x' };
    expect(programsOf({ argv: ['env', '-C', open, './x'] })).toEqual([{ name: 'env' }]);
    expect(programsOf({ argv: ['/bin/sh', '/y'] })[1]).toEqual({ name: '/y', script: true });
  });
});

describe('a program on this host', () => {
  test('is found as the system finds it', async () => {
    const programs = new Programs();
    mkdirSync(at('one', 'x'), { recursive: true });
    file('two/x', 'not executable', 0o644);
    const found = file('three/x', 'found');
    const path = ['one', 'two', 'three'].map((name) => at(name)).join(':');
    expect(await programs.identify({ name: 'x', path })).toMatchObject({ file: found });
    expect(await programs.identify({ name: './x', cwd: at('three') })).toMatchObject({
      file: found,
    });
    expect(await programs.identify({ name: 'x', cwd: at('two'), script: true })).toMatchObject({
      file: at('two', 'x'),
    });
    expect(await programs.identify({ name: 'y', path })).toEqual({ name: 'y', path, file: null });
    expect(await programs.identify({ name: at('one', 'x') })).toMatchObject({ digest: null });
  });

  test('is the system’s only where both its name and its file are', async () => {
    const programs = new Programs([at('usr')]);
    const inside = file('usr/x', 'x');
    const outside = file('opt/y', 'y');
    symlinkSync(outside, at('usr', 'y'));
    symlinkSync(inside, at('opt', 'x'));
    symlinkSync(inside, at('usr', 'z'));
    const system = async (name: string) => (await programs.identify({ name })).system ?? false;
    expect(await system(inside)).toBe(true);
    expect(await system(at('usr', 'z'))).toBe(true);
    expect(await system(outside)).toBe(false);
    expect(await system(at('usr', 'y'))).toBe(false);
    expect(await system(at('opt', 'x'))).toBe(false);
  });

  test('is read again when it may have changed, whatever its time says', async () => {
    const programs = new Programs();
    const name = file('x', 'one');
    const long = new Date(Date.now() - 3_600_000);
    for (const text of ['one', 'two', 'six', 'one']) {
      writeFileSync(name, text);
      utimesSync(name, long, long);
      expect((await programs.identify({ name })).digest).toBe(digest(text));
    }
  });
});

describe('what may run for what is known', () => {
  const run = async (name: string, known: Program[], more: Partial<CommandAction> = {}) => {
    const programs = new AttemptPrograms(new Programs([at('usr')]), known);
    const action: CommandAction = { kind: 'command', argv: [name], ...more };
    const failure = await programs.assertUnchanged(action).catch((error: unknown) => error);
    return failure instanceof StepFailure ? failure.type : (failure ?? 'runs');
  };
  const known = (name: string, text: string | null, more: Partial<Program> = {}): Program => ({
    ...{ name, file: name, digest: text === null ? null : digest(text), ...more },
  });

  test('the same content, and nothing else', async () => {
    const name = file('opt/x', 'now');
    expect(await run(name, [])).toBe('runs');
    expect(await run(name, [known(name, 'now')])).toBe('runs');
    expect(await run(name, [known(name, 'was')])).toBe('ProgramChanged');
    expect(await run(name, [known(name, 'was'), known(name, 'now')])).toBe('runs');
    expect(await run(name, [known('/other', 'was')])).toBe('runs');
    expect(await run(name, [known(name, null)])).toBe('ProgramChanged');
    expect(await run(name, [{ name, file: null }])).toBe('ProgramChanged');
    expect(await run(name, [known(name, 'was')], { programMayChange: true })).toBe('runs');
  });

  test('what ran is told, unless it may change, was known, or was refused', async () => {
    const names = ['ran', 'known', 'free', 'refused'].map((name) => file(`opt/${name}`, name));
    const [ran = '', isKnown = '', free = '', refused = ''] = names;
    const before = [known(isKnown, 'known'), known(refused, 'was')];
    const programs = new AttemptPrograms(new Programs([at('usr')]), before);
    const action = (name: string, more: Partial<CommandAction> = {}): CommandAction => ({
      ...{ kind: 'command', argv: [name], ...more },
    });
    for (const name of [ran, isKnown]) await programs.assertUnchanged(action(name));
    await programs.assertUnchanged(action(free, { programMayChange: true }));
    await expect(programs.assertUnchanged(action(refused))).rejects.toThrow('nothing was started');
    expect(programs.newlyRun().programs).toEqual([known(ran, 'ran')]);
    expect(programs.all().map(({ name }) => name)).toEqual(names);
  });

  test('a name that leads elsewhere now: from the system to anywhere else', async () => {
    file('usr/x', 'now');
    file('opt/x', 'now');
    const first = (...folders: string[]) => folders.map((each) => at(each)).join(':');
    const system = (path: string): Program => ({
      ...{ name: 'x', path, file: at('usr', 'x'), system: true },
    });
    const found = async (path: string) => run('x', [system(path)], { env: { PATH: path } });
    expect(await found(first('usr', 'opt'))).toBe('runs');
    expect(await found(first('opt', 'usr'))).toBe('ProgramChanged');
    // The system may have brought it meanwhile, and nobody else.
    const absent = async (folder: string) => {
      const path = at(folder);
      return run('x', [{ name: 'x', path, file: null }], { env: { PATH: path } });
    };
    expect(await absent('usr')).toBe('runs');
    expect(await absent('opt')).toBe('ProgramChanged');
  });

  test('what cannot be read, at the same place', async () => {
    mkdirSync(at('opt', 'x'), { recursive: true });
    const name = at('opt', 'x');
    expect(await run(name, [known(name, null)])).toBe('runs');
    expect(await run(name, [known(name, null, { file: '/elsewhere' })])).toBe('ProgramChanged');
  });
});

describe('a plan', () => {
  const programs = (): Programs => new Programs([at('usr')]);
  const deps = (targets: object, catalogue: readonly RunbookSpec[]) => ({
    targets: Targets.load(file('targets.yaml', JSON.stringify({ targets }))),
    ...{ procedure: 'sha256:test', catalogue },
    settings: { command: 'runbook', uiUrl: null, heartbeatMs: 10_000, hostWaitMs: 120_000 },
  });

  async function planned(asked: StartEnvelope, known: ReturnType<typeof deps>) {
    const { admission } = await admitHere(asked, known, programs());
    if (!admission.admitted) throw new Error(admission.problem.message);
    return admission.plan;
  }

  test('names what its steps run, wherever in them, and covers what is not the system’s', async () => {
    const command = (name: string, more: object = {}) => ({
      kind: 'command',
      argv: [name],
      ...more,
    });
    const names = ['action', 'undo', 'verify', 'check'].map((name) => file(`opt/${name}`, 'one'));
    const [action = '', undo = '', verify = '', check = ''] = names;
    const polls = (probe: object) => ({
      ...{ kind: 'check', probe, until: 'out.exitCode == 0', everyMs: 100 },
    });
    const work = {
      ...{ action: command(action), undo: command(undo) },
      ...{ verify: polls(command(verify)), check: polls(command(check)) },
    };
    const inside = change('two', {
      work: { action: command(file('usr/x', 'one')), undo: command(at('usr', 'y')) },
    });
    const free = { action: command(at('opt', 'z'), { programMayChange: true }) };
    const spec = runbook([
      change('one', { work }),
      { id: 'all', title: 'All', kind: 'parallel', effect: 'change', steps: [inside] },
      lasting('free', free),
    ]);
    const known = deps({}, [spec]);
    const plan = await planned(envelope('told', {}), known);
    const one = { digest: digest('one') };
    expect(plan.programs).toEqual([
      ...[action, verify, check, undo].map((name) => ({ name, file: name, ...one })),
      { name: at('usr', 'x'), file: at('usr', 'x'), system: true },
      { name: at('usr', 'y'), file: null },
    ]);

    file('usr/x', 'two');
    expect((await planned(envelope('told', {}), known)).digest).toBe(plan.digest);
    file('opt/undo', 'two');
    const shown = { ...envelope('told', {}), digest: plan.digest };
    expect(await admitHere(shown, known, programs())).toMatchObject({
      admission: { admitted: false, problem: { message: expect.stringContaining('a program') } },
    });
  });

  test('names the programs that its targets declare', async () => {
    const deployer = file('opt/deployer', 'one');
    const facts = { kind: 'web-service', environment: 'test', facts: { deployer } };
    const asked = envelope('zero-downtime-deployment', { service: 'web', version: '2.0.0' });
    const plan = await planned(asked, deps({ web: facts }, catalogue));
    expect(plan.programs).toEqual([{ name: deployer, file: deployer, digest: digest('one') }]);
  });
});
