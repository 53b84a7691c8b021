import { execFileSync, spawnSync } from 'node:child_process';

/** Names and addresses that nobody else on this machine uses: they carry our process number. */
const name = `rb${process.pid}`;
const net = `10.213.${process.pid % 250}`;

/** Why no network namespace can be made here; undefined when one can. */
export function noNamespace(): string | undefined {
  if (process.platform !== 'linux') return 'network namespaces are Linux';
  const { status, stderr } = spawnSync('ip', ['netns', 'add', `${name}-try`], { encoding: 'utf8' });
  if (status !== 0) return `ip netns: ${stderr?.trim() || 'not there'}`;
  ip('netns', 'delete', `${name}-try`);
  return undefined;
}

/** A network of its own, joined to this machine by one cable that can be cut. */
export class Namespace {
  /** What this machine is called from inside. */
  readonly host = `${net}.1`;
  /** Put before a program's command line, it runs the program inside. */
  readonly prefix = ['ip', 'netns', 'exec', name] as const;

  private constructor() {}

  static make(): Namespace {
    const namespace = new Namespace();
    ip('netns', 'add', name);
    try {
      ip('link', 'add', `${name}a`, 'type', 'veth', 'peer', 'name', `${name}b`, 'netns', name);
      ip('addr', 'add', `${net}.1/30`, 'dev', `${name}a`);
      ip('link', 'set', `${name}a`, 'up');
      ip('-n', name, 'addr', 'add', `${net}.2/30`, 'dev', `${name}b`);
      ip('-n', name, 'link', 'set', `${name}b`, 'up');
      ip('-n', name, 'link', 'set', 'lo', 'up');
      return namespace;
    } catch (error) {
      namespace.remove();
      throw error;
    }
  }

  cut(): void {
    ip('link', 'set', `${name}a`, 'down');
  }

  mend(): void {
    ip('link', 'set', `${name}a`, 'up');
  }

  remove(): void {
    // The cable goes with it.
    ip('netns', 'delete', name);
  }
}

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: 'pipe' });
}
