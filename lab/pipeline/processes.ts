import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Faults } from './faults.js';

const jobProgram = fileURLToPath(new URL('./job.js', import.meta.url));

export interface JobProcess {
  pid: number;
  started: string;
}

/**
 * Starts a job in a process of its own.
 * @param ended told how it ended, when this service still lives then
 */
export function startJobProcess(
  job: string,
  faults: Faults,
  ended: (signal: string | null, code: number | null) => void,
): JobProcess {
  const child = spawn(process.execPath, [jobProgram, job], {
    env: { ...process.env, PIPELINE_JOB_FAULTS: JSON.stringify(faults) },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  child.once('exit', (code, signal) => ended(signal, code));
  const pid = child.pid ?? -1;
  return { pid, started: startOf(pid) ?? '' };
}

/** When the process started, as the system counts; process numbers come round again. */
export function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return process.platform !== 'linux' && answers(pid) ? '' : undefined;
  }
}

export function lives({ pid, started }: JobProcess): boolean {
  return startOf(pid) === started;
}

/** TERM, then KILL; returns when it is gone. */
export async function endJobProcess(job: JobProcess): Promise<void> {
  const killAt = Date.now() + 2_000;
  for (
    let signal: NodeJS.Signals = 'SIGTERM';
    lives(job);
    signal = Date.now() > killAt ? 'SIGKILL' : 'SIGTERM'
  ) {
    try {
      process.kill(job.pid, signal);
    } catch {
      return;
    }
    await delay(25);
  }
}

function answers(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
