import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Names the place where a process id is valid: this host (by a file beside the journals), its boot
 * and this process namespace. After a reboot, or in another container, the same id is another
 * process.
 * @param journals folder of the journals; made when it is missing
 */
export function placeOf(journals: string): string {
  return [hostId(journals), bootId(), processNamespace()].join('/');
}

/**
 * Names this host for as long as its journals are there.
 * @param journals folder of the journals; made when it is missing
 */
export function hostId(journals: string): string {
  mkdirSync(journals, { recursive: true, mode: 0o700 });
  const file = join(journals, 'host-id');
  try {
    writeFileSync(file, `${randomUUID()}\n`, { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  return readFileSync(file, 'utf8').trim();
}

/** On other systems than Linux only the processes' start times reveal a reboot. */
function bootId(): string {
  return read(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim());
}

function processNamespace(): string {
  return read(() => readlinkSync('/proc/self/ns/pid'));
}

function read(source: () => string): string {
  try {
    return source();
  } catch {
    return 'unknown';
  }
}
