import { readdir, readFile } from 'node:fs/promises';
import { isIPv4, isIPv6 } from 'node:net';
import { numbersOf, parseAddress } from './address.js';
import type { WantedServer } from './switch.js';

/** The workers of a master; leaving ones finish their requests, and take no new ones. */
export async function workersOf(master: number): Promise<{ pid: number; isLeaving: boolean }[]> {
  const pids = (await readdir('/proc').catch(() => []))
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
  const workers = await Promise.all(
    pids.map(async (pid) => {
      if (Number((await statOf(pid))[1]) !== master) return [];
      const command = await commandOf(pid);
      return command.startsWith('nginx: worker process')
        ? [{ pid, isLeaving: command.includes('is shutting down') }]
        : [];
    }),
  );
  return workers.flat();
}

/** The fields of /proc/PID/stat after the name: state, parent, …; none for a dead process. */
export async function statOf(pid: number): Promise<string[]> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
}

export function commandOf(pid: number): Promise<string> {
  return readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
}

/** The names of each server in the log: an IP address where the pool has a host name. */
export async function namesByAddress(
  servers: readonly WantedServer[],
): Promise<ReadonlyMap<string, string>> {
  const names = await Promise.all(
    servers.map(async ({ name, address }): Promise<[string, string][]> => {
      const parsed = address === null ? undefined : parseAddress(address);
      const numbers = parsed ? await numbersOf(parsed) : [];
      return [...new Set([address ?? '', ...numbers])].map((each) => [each, name]);
    }),
  );
  return new Map(names.flat());
}

const established = '01';

/** Connections of this host to each IP address; host names are left out. */
export async function establishedTo(addresses: readonly string[]): Promise<Map<string, number>> {
  const wanted = new Map(
    addresses.flatMap((address) => {
      const hex = inHex(address);
      return hex === null ? [] : [[hex, address]];
    }),
  );
  const counts = new Map([...wanted.values()].map((address) => [address, 0]));
  const tables = await Promise.all(
    ['tcp', 'tcp6'].map((name) => readFile(`/proc/net/${name}`, 'utf8').catch(() => '')),
  );
  for (const row of tables.join('\n').split('\n')) {
    const [, , remote = '', state] = row.trim().split(/\s+/);
    const address = state === established ? wanted.get(remote) : undefined;
    if (address !== undefined) counts.set(address, (counts.get(address) ?? 0) + 1);
  }
  return counts;
}

/** An IP address as the kernel writes it: in words of four bytes, each in reversed byte order. */
function inHex(address: string): string | null {
  const parsed = parseAddress(address);
  if (parsed?.kind !== 'tcp') return null;
  const bytes = bytesOf(parsed.host);
  if (bytes === null) return null;
  const hex = (number: number, digits: number): string =>
    number.toString(16).toUpperCase().padStart(digits, '0');
  const words = Array.from({ length: bytes.length / 4 }, (_, index) =>
    bytes
      .slice(index * 4, index * 4 + 4)
      .reverse()
      .map((byte) => hex(byte, 2))
      .join(''),
  );
  return `${words.join('')}:${hex(parsed.port, 4)}`;
}

/** The bytes of an IPv4 or IPv6 address; null for a name. */
function bytesOf(host: string): number[] | null {
  if (isIPv4(host)) return host.split('.').map(Number);
  if (!isIPv6(host)) return null;
  // The canonical IPv6 text has groups of hexadecimal digits only.
  const [head = '', tail] = host.split('::');
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'));
  const [first, last] = [groups(head), groups(tail ?? '')];
  const zeros = Array.from({ length: 8 - first.length - last.length }, () => '0');
  return [...first, ...zeros, ...last].flatMap((group) => {
    const number = Number.parseInt(group, 16);
    return [number >> 8, number & 255];
  });
}
