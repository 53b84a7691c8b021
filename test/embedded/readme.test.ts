import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, expect, test } from '@jest/globals';
import { cacheFolder, projectRoot } from '../../embedded/home.js';
import { until } from '../../lab/until.js';
import { testFolder } from '../helpers/folder.js';
import { clear } from './support.js';

/*
 * README is what a newcomer types: its commands are taken from it and typed, in order, at a
 * terminal in the clone.
 */

const folder = testFolder('readme ');
const terminals: Terminal[] = [];
/** A file that the commands write into the clone. */
const written = join(projectRoot, 'report.html');
const writtenBefore = existsSync(written);
afterAll(async () => {
  for (const each of terminals.reverse()) await each.end();
  if (!writtenBefore) rmSync(written, { force: true });
  await clear(folder);
});

/** What a test does not type, and why. */
const notHere: [RegExp, string][] = [
  [/^git clone … && cd /, 'where the clone comes from is left open'],
  [/^npm run demo$/, 'it tells the recovery of test/flagship, which npm test runs beside this'],
  [/^npm (test|run test:(hardening|system|repeat))\b/, 'it would run this test again'],
  [
    /^npm run (check|bench|chaos)\b/,
    'for those who change the product: minutes, and .ci/run has them',
  ],
];

/** The commands in the code blocks of README, without their comments. */
function commandsOf(markdown: string): string[] {
  const fences = [...markdown.matchAll(/^```(\w*)\n([^]*?)^```$/gm)];
  const blocks = fences.flatMap(([, language, block = '']) => (language === '' ? [block] : []));
  return blocks
    .filter((block) => /^(\.\/runbook|npm|npx|git) /.test(block))
    .flatMap((block) => block.split('\n'))
    .map((line) => line.replace(/ +# .*$/, '').trim())
    .filter(Boolean);
}

/** A command that somebody types at a terminal of 100 columns. */
class Terminal {
  shown = '';
  /** How much of it was shown when the last answer was given. */
  private answered = 0;
  private readonly ended: Promise<number>;

  private constructor(
    readonly command: string,
    private readonly child: ChildProcess,
  ) {
    child.stdout?.on('data', (chunk: Buffer) => {
      this.shown += stripVTControlCharacters(chunk.toString());
      this.answer();
    });
    this.ended = once(child, 'exit').then(([code]) => Number(code));
  }

  static type(command: string): Terminal {
    const own = Object.entries(process.env).filter(
      ([name]) => !/^(RUNBOOK|TEMPORAL)_/.test(name) || /^RUNBOOK_TEST_(RUN|FILE)$/.test(name),
    );
    const child = spawn('script', ['-qefc', `stty cols 100 rows 40; ${command}`, '/dev/null'], {
      cwd: projectRoot,
      env: {
        ...Object.fromEntries(own),
        ...{ NODE_OPTIONS: '', NO_COLOR: '1', TERM: 'xterm' },
        ...{ RUNBOOK_HOME: folder, RUNBOOK_CACHE: cacheFolder() },
      },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const terminal = new Terminal(command, child);
    terminals.push(terminal);
    return terminal;
  }

  /**
   * What a person would answer. A prompt that fills the line is followed by one more blank, now in
   * the same chunk and now in the next.
   */
  private answer(): void {
    const [, question] = /(Reason:|\[y\/N\]) +$/.exec(this.shown.slice(this.answered)) ?? [];
    if (!question) return;
    this.answered = this.shown.length;
    this.child.stdin?.write(question === 'Reason:' ? 'it looks right\n' : 'y\n');
  }

  async shows(pattern: RegExp): Promise<void> {
    await this.until(String(pattern), () => {
      if (this.child.exitCode !== null && !pattern.test(this.shown))
        throw new Error(`it ended with ${this.child.exitCode}`);
      return pattern.test(this.shown);
    });
  }

  private async until(what: string, holds: () => boolean): Promise<void> {
    const come = until(what, () => Promise.resolve().then(holds), 30_000);
    await come.catch((error: unknown) => {
      throw new Error(`${this.command}: ${(error as Error).message}:\n${this.shown}`);
    });
  }

  /** @returns its exit code @throws Error that shows what it shows when it does not end */
  async done(): Promise<number> {
    let code: number | undefined;
    this.ended.then(
      (ended) => (code = ended),
      () => (code = -1),
    );
    await this.until('its end', () => code !== undefined);
    return this.ended;
  }

  /** Ctrl-C, as one ends what goes on for ever. */
  async end(): Promise<void> {
    if (this.child.exitCode === null) this.child.stdin?.write('\u0003');
    await this.ended;
  }
}

/** Commands that go on while the next ones are typed elsewhere, and what says when. */
const goingOn: [RegExp, RegExp][] = [
  [/^\.\/runbook dev\b/, /Ctrl-C stops everything/],
  [/ --watch\b/, /Waits for an operator/],
];

test('what README says can be typed, in its order', async () => {
  const commands = commandsOf(readFileSync(join(projectRoot, 'README.md'), 'utf8'));
  const typed = commands.filter((each) => !notHere.some(([pattern]) => pattern.test(each)));
  expect(typed.length).toBeGreaterThan(4);
  for (const [pattern, reason] of notHere)
    expect([reason, commands.some((each) => pattern.test(each))]).toEqual([reason, true]);
  for (const command of typed) {
    expect(command).toMatch(/^\.\/runbook /);
    const terminal = Terminal.type(command);
    const [, sign] = goingOn.find(([pattern]) => pattern.test(command)) ?? [];
    if (sign) await terminal.shows(sign);
    else
      expect([command, await terminal.done(), terminal.shown]).toEqual([
        command,
        0,
        terminal.shown,
      ]);
    // The run is over when the approval has been given: the report is of all of it.
    const watching = terminals.find((each) => each.command.includes('--watch'));
    if (watching && /^\.\/runbook approve/.test(command)) expect(await watching.done()).toBe(0);
  }
  expect(readFileSync(written, 'utf8')).toContain('Recover a failed data pipeline');
  const [dev] = terminals;
  await dev?.end();
  expect(dev?.shown).toContain('stopped; the data are kept');
}, 240_000);
