import { lookup } from 'node:dns/promises';
import { isIP, isIPv4, isIPv6 } from 'node:net';

/*
 * The address of a server of a pool. Proxies write one address in several ways (`::1:80`,
 * `[0:0::1]:80`, `unix@/run/app`, `unix//run/app`): here each has one canonical text, so that they
 * can be compared.
 */

/** A host and a port, or the path of a Unix socket. IPv6 has no brackets in `host`. */
export type Address = { kind: 'tcp'; host: string; port: number } | { kind: 'unix'; path: string };

/** The forms of an address, for people. */
export const addressForms =
  '10.0.0.7:8080, [2001:db8::7]:8080, app.internal:8080 or unix:/run/app.sock';

const hostname = /^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/;
/** No characters that a proxy's configuration could read as more than a path. */
const socket = /^unix(?::|@|\/(?=\/))(\/[\w.@+=,/-]{1,106})$/;

/**
 * Reads an address in any of its forms. An IPv6 address without brackets is accepted only when it
 * cannot be mistaken for one without a port: `2001:db8::7` could be port 7 of `2001:db8::`.
 * @returns undefined when it is none
 */
export function parseAddress(text: string): Address | undefined {
  const [, path] = socket.exec(text) ?? [];
  if (path !== undefined) return { kind: 'unix', path };
  const [, host = '', digits = ''] = /^(.+):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (host === '' || port < 1 || port > 65_535) return undefined;
  if (host.startsWith('[')) {
    const inner = host.endsWith(']') ? withoutBrackets(host) : '';
    return isIPv6(inner) && !inner.includes('%') ? tcp(inner, port) : undefined;
  }
  if (host.includes(':'))
    return isIPv6(host) && !host.includes('%') && !isIPv6(text) ? tcp(host, port) : undefined;
  const name = host.toLowerCase();
  // Numbers and dots only: an IPv4 address, or nothing.
  if (/^[\d.]+$/.test(name)) return isIPv4(name) ? tcp(name, port) : undefined;
  return name.length <= 253 && hostname.test(name) ? tcp(name, port) : undefined;
}

/** The address of a host and a separate port, as HAProxy reports it. */
export function tcp(host: string, port: number): Address {
  return {
    kind: 'tcp',
    host: isIPv6(host) ? withoutBrackets(new URL(`http://[${host}]`).hostname) : host,
    port,
  };
}

/** The canonical text of an address. */
export function addressText(address: Address): string {
  if (address.kind === 'unix') return `unix:${address.path}`;
  const { host, port } = address;
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The canonical text of an address; other text is returned as it is. */
export function sameText(text: string): string {
  const address = parseAddress(text);
  return address ? addressText(address) : text;
}

/**
 * The IP addresses of a host and port; the host may be a name.
 * @returns none for a socket, and for a name that does not resolve
 */
export async function numbersOf(address: Address): Promise<string[]> {
  if (address.kind === 'unix') return [];
  const { host, port } = address;
  if (isIP(host) !== 0) return [addressText(address)];
  const found = await lookup(host, { all: true }).catch(() => []);
  return found.map((each) => addressText(tcp(each.address, port)));
}

/** An IPv6 host without the brackets that a URL puts around it. */
function withoutBrackets(host: string): string {
  return host.replace(/^\[|\]$/g, '');
}
