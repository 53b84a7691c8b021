/**
 * Makes a clone ready: installs what package-lock.json says when that changed, builds when a source
 * changed. Plain Node, no dependencies. Two at once wait for each other. Costs some milliseconds
 * when there is nothing to do.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { sourceStamp, stampFile } from './lib/stamp.mjs';

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  fail(`Durable Runbooks needs Node 20.19 or newer; this is ${process.versions.node}.`);
}

const root = resolve(import.meta.dirname, '..');
const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
const installed = join(root, 'node_modules', '.installed');
const lockDigest = () =>
  createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');

if (!ready()) {
  const unlock = await lock(join(root, '.bootstrap.lock'));
  try {
    if (!isInstalled()) {
      await run('installing dependencies', npm, [
        'ci',
        '--no-audit',
        '--no-fund',
        '--loglevel=error',
        ...fromCache(),
      ]);
      writeFileSync(installed, lockDigest());
    }
    if (!isBuilt()) {
      await run('building', process.execPath, [join(root, 'scripts', 'build.mjs')]);
    }
  } finally {
    unlock();
  }
}

function ready() {
  return isInstalled() && isBuilt();
}

function isInstalled() {
  return existsSync(installed) && readFileSync(installed, 'utf8') === lockDigest();
}

function isBuilt() {
  const file = stampFile(root);
  return existsSync(file) && readFileSync(file, 'utf8') === sourceStamp(root);
}

/**
 * What `npm run offline` has laid by is enough, and no network is asked. npm knows it by the
 * registry that it is from.
 */
function fromCache() {
  const cache = join(process.env.RUNBOOK_CACHE || join(root, '.runbook', 'cache'), 'npm');
  const registry = join(cache, 'registry');
  if (!existsSync(registry)) return [];
  return [
    '--prefer-offline',
    '--cache',
    cache,
    '--registry',
    readFileSync(registry, 'utf8').trim(),
  ];
}

/** One at a time; a lock whose holder is gone is taken over. */
async function lock(folder) {
  for (;;) {
    try {
      mkdirSync(folder);
      writeFileSync(join(folder, 'pid'), String(process.pid));
      return () => rmSync(folder, { recursive: true, force: true });
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
      if (abandoned(folder)) rmSync(folder, { recursive: true, force: true });
      else await delay(100);
    }
  }
}

/** Its holder is gone, or was gone before it could even say who it was. */
function abandoned(folder) {
  try {
    const file = join(folder, 'pid');
    if (existsSync(file)) return !alive(Number(readFileSync(file, 'utf8')));
    return Date.now() - statSync(folder).mtimeMs > 5_000;
  } catch {
    return false;
  }
}

function alive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** Says every few seconds that it goes on: both programs are silent meanwhile. */
async function run(what, program, args) {
  say(`${what} …`);
  const begun = Date.now();
  const progress = setInterval(
    () => say(`${what} … ${Math.round((Date.now() - begun) / 1_000)} s`),
    5_000,
  );
  // Its output goes to stderr: stdout belongs to the command that comes after.
  const child = spawn(program, args, { cwd: root, stdio: ['ignore', 2, 2] });
  try {
    const [status] = await once(child, 'exit');
    if (status !== 0) fail(`${program} ${args[0]} failed; what it said is above.`);
  } catch (error) {
    fail(`${program} could not be run: ${error.message}`);
  } finally {
    clearInterval(progress);
  }
}

function say(text) {
  process.stderr.write(`durable-runbooks: ${text}\n`);
}

function fail(text) {
  process.stderr.write(`${text}\n`);
  process.exit(1);
}
