import { execFileSync, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { writeJson } from '../../../embedded/files.js';
import { endProcess, type ProcessId } from '../../../embedded/process.js';
import type { Account } from '../../../embedded/account.js';
import { livesStill, nameOf, startOf } from '../app/owner.js';
import type { Instance } from '../instances.js';

export interface ProcessOptions {
  name: string;
  program: string;
  args: readonly string[];
  /** Where it is noted. */
  file: string;
  log: string;
  /** It is up when its log says this; undefined: whoever starts it finds out. */
  ready?: string;
  port?: number;
  account?: Account | undefined;
  cwd?: string;
  env?: NodeJS.ProcessEnv;
}

/**
 * Starts a process that outlives whoever starts it, and notes it as instances are noted.
 * @throws Error when it ends before it is up, with what it said
 */
export async function startDetached(options: ProcessOptions): Promise<Instance> {
  const { name, program, args, file, log, ready, port = 0, account, cwd } = options;
  mkdirSync(dirname(log), { recursive: true });
  const output = openSync(log, 'w');
  const child = spawn(program, args, {
    detached: true,
    stdio: ['ignore', output, output],
    env: options.env ?? process.env,
    ...(cwd === undefined ? {} : { cwd }),
    ...(account ? { uid: account.uid, gid: account.gid } : {}),
  });
  closeSync(output);
  let failed: Error | undefined;
  child.once('error', (error) => (failed = error));
  child.unref();
  const pid = child.pid ?? -1;
  const instance: Instance = { name, version: '', port, pid, process: nameOf(pid) };
  writeJson(file, instance);
  const end = Date.now() + 20_000;
  while (ready !== undefined && !readFileSync(log, 'utf8').includes(ready)) {
    if (failed || !livesStill(instance.process))
      throw new Error(
        `${name} ended at its start: ` +
          `${failed?.message ?? (readFileSync(log, 'utf8').trim() || 'it said nothing')}`,
      );
    if (Date.now() > end) throw new Error(`${name} was not up within 20 s`);
    await delay(25);
  }
  return instance;
}

/** Ends a process that is still the one that was noted. */
export function end(instance: Instance, signal: NodeJS.Signals, graceMs: number): Promise<void> {
  return endProcess(idOf(instance.process), signal, graceMs);
}

function idOf(process: string): ProcessId {
  const [pid = '', started = ''] = process.split(':');
  return { pid: Number(pid), started };
}

/** These processes and all that descend from them, parents first. */
export function withDescendants(pids: readonly number[]): number[] {
  const children = childrenByParent();
  const found = [...new Set(pids)];
  for (const pid of found)
    for (const child of children.get(pid) ?? []) if (!found.includes(child)) found.push(child);
  return found.filter((pid) => startOf(pid) !== undefined);
}

function childrenByParent(): Map<number, number[]> {
  const children = new Map<number, number[]>();
  for (const [pid, parent] of process.platform === 'linux' ? parentsOfProc() : parentsOfPs())
    children.set(parent, [...(children.get(parent) ?? []), pid]);
  return children;
}

function parentsOfProc(): [pid: number, parent: number][] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
        return [[Number(pid), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])]];
      } catch {
        return [];
      }
    });
}

function parentsOfPs(): [pid: number, parent: number][] {
  const text = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' });
  return text
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((words) => words.length === 2)
    .map(([pid, parent]) => [Number(pid), Number(parent)]);
}

/** Sends a signal to processes that may have ended in between. */
export function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch {
      // It ended in between.
    }
  }
}
