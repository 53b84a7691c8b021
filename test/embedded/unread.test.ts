import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { cacheFolder, projectRoot } from '../../embedded/home.js';
import { until } from '../../lab/until.js';
import { testFolder } from '../helpers/folder.js';
import { clear, noProcessesOf } from './support.js';

/* `npm run chaos | head`: who read what a program prints has gone. */

describe('a script whose reader has gone ends itself and its servers', () => {
  let folder: string;
  beforeEach(() => {
    folder = testFolder('unread ');
  });
  afterEach(() => clear(folder));

  /** What it starts is found by the folder. */
  function start(...args: string[]): { script: ChildProcess; said: () => string } {
    const env = { ...process.env, RUNBOOK_CACHE: cacheFolder(), NODE_OPTIONS: '', TMPDIR: folder };
    const script = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    script.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    return { script, said: () => said };
  }

  /** @returns its exit code, once it and all that it started has ended */
  async function endedWithout(script: ChildProcess, ...readers: ('stdout' | 'stderr')[]) {
    const ended = once(script, 'exit');
    for (const reader of readers) script[reader]?.destroy();
    const [code] = (await ended) as [number | null];
    await noProcessesOf(folder);
    return code;
  }

  it('while it starts one that starts them', async () => {
    const { script } = start('scripts/chaos.mjs', 'own');
    expect(await endedWithout(script, 'stdout')).toBe(1);
  });

  it('while it starts them itself, as on SIGTERM', async () => {
    const { script, said } = start('scripts/test.mjs', 'test/unit/newest-fact');
    await until('it to begin', () => Promise.resolve(said().includes('deadlines are stretched')));
    expect(await endedWithout(script, 'stdout', 'stderr')).toBe(128 + constants.signals.SIGTERM);
  });
});

it('every program that starts servers can be asked to end them', () => {
  const starts =
    /(?<!\.|function )\b(startServices|startPipeline|(Cluster|WebSystem|SiteSystem)\.start)\(/;
  const programs = ['bench', 'embedded', 'examples', 'lab', 'scripts']
    .flatMap((folder) =>
      readdirSync(join(projectRoot, folder), { recursive: true, encoding: 'utf8' }).map((name) =>
        join(folder, name),
      ),
    )
    .filter((file) => /\.m?[jt]s$/.test(file))
    .map((file) => ({ file, text: readFileSync(join(projectRoot, file), 'utf8') }))
    .filter(({ text }) => starts.test(text));
  expect(programs.map(({ file }) => file)).toContain(join('bench', 'main.ts'));
  const deaf = programs.filter(({ text }) => !text.includes('/stop-request.js'));
  expect(deaf.map(({ file }) => file)).toEqual([]);
});
