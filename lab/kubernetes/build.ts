import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { execa, ExecaError } from 'execa';
import {
  findGo,
  helmVersion,
  kubernetesVersion,
  kwokVersion,
  notBuilt,
  partNames,
  parts,
  tofuVersion,
  type PartName,
} from './programs.js';

const kubernetes = `k8s.io/kubernetes@v${kubernetesVersion}`;
/** The parts of Kubernetes that are separate modules have version 0.x of the same release. */
const partsVersion = `v0.${kubernetesVersion.replace(/^1\./, '')}`;
const commands = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kubectl'];
const niceness = 10;
/** How often somebody who waits is told how far it is. */
const progressMs = 15_000;
const linesOfError = 20;

export interface BuildOptions {
  /** Ended when it takes longer; the next build goes on where this one was. */
  limitMs?: number;
}

/** The time that it was given is over. */
export class BuildTimedOut extends Error {}

/** How each part is made. */
const makers: Record<PartName, (go: Go) => Promise<void>> = {
  async kubernetes(go) {
    await go.module(`k8s.io/kubernetes v${kubernetesVersion}`, kubernetes);
    await go.build(
      `Kubernetes ${kubernetesVersion}`,
      commands.map((name) => `k8s.io/kubernetes/cmd/${name}`),
    );
    await go.module(`sigs.k8s.io/kwok v${kwokVersion}`);
    await go.build(`kwok ${kwokVersion}`, ['sigs.k8s.io/kwok/cmd/kwok']);
  },
  async helm(go) {
    // With the same parts of Kubernetes: most of it is compiled already.
    await go.module(`helm.sh/helm/v3 v${helmVersion}`, kubernetes);
    await go.build(parts.helm.title, ['helm.sh/helm/v3/cmd/helm']);
  },
  async tofu(go) {
    const module = 'github.com/opentofu/opentofu';
    await go.module(`${module} v${tofuVersion}`, `${module}@v${tofuVersion}`);
    await go.build(parts.tofu.title, [`${module}/cmd/tofu`]);
  },
};

/**
 * Builds the programs from Go modules into the cache, unless they are there: some minutes on two
 * idle cores, at low priority, and much longer beside other work. A build that is broken off leaves
 * nothing that looks whole.
 * @throws BuildTimedOut
 * @throws Error when there is no Go, or it fails
 */
export async function build(
  say: (line: string) => void,
  options: BuildOptions = {},
): Promise<void> {
  const missing = notBuilt();
  if (missing.length === 0)
    return say(`built already: ${partNames.map((name) => parts[name].folder()).join(', ')}`);
  const program = findGo();
  if (!program)
    throw new Error(
      'Go is not installed: install it (https://go.dev/dl), or name it in RUNBOOK_GO_BIN.',
    );
  setPriority(niceness);
  say(
    `building ${missing.map((name) => parts[name].title).join(', ')} once: eight to ten ` +
      'minutes on two idle ' +
      'cores, a quarter of an hour and more beside other work; what is compiled is kept ' +
      'when it is broken off',
  );
  const begun = performance.now();
  const { limitMs } = options;
  const signal = limitMs === undefined ? undefined : AbortSignal.timeout(limitMs);
  for (const name of missing) {
    const folder = parts[name].folder();
    mkdirSync(dirname(folder), { recursive: true });
    const work = mkdtempSync(join(dirname(folder), 'building-kubernetes-'));
    try {
      await makers[name](new Go(program, work, { say, begun, signal }));
      rmSync(folder, { recursive: true, force: true });
      renameSync(join(work, 'bin'), folder);
    } catch (error) {
      if (!signal?.aborted) throw withoutProgress(error);
      throw new BuildTimedOut(
        `it was not built within ${Math.round((limitMs ?? 0) / 60_000)} minutes; ` +
          'what is compiled is kept, and the next build goes on from there',
      );
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
    say(`built: ${folder} (${minutesSince(begun)})`);
  }
}

/** Go's compiler in a folder of its own. */
class Go {
  constructor(
    private readonly program: string,
    private readonly folder: string,
    private readonly told: {
      say: (line: string) => void;
      /** When the whole build began, by `performance.now()`. */
      begun: number;
      signal: AbortSignal | undefined;
    },
  ) {
    mkdirSync(join(folder, 'bin'));
  }

  /**
   * Makes the folder a module that needs another one, as `NAME vVERSION`.
   * @param replacedAs the module, as `NAME@vVERSION`, whose replacements hold here too: Go takes
   *   them from the main module alone
   */
  async module(needed: string, replacedAs?: string): Promise<void> {
    const lines = ['module programs', `go ${await this.version()}`, `require ${needed}`];
    if (replacedAs !== undefined) {
      const { stdout } = await this.run('mod', 'download', '-json', replacedAs);
      const { GoMod } = JSON.parse(stdout) as { GoMod: string };
      lines.push(...replacements(readFileSync(GoMod, 'utf8')));
    }
    writeFileSync(join(this.folder, 'go.mod'), `${lines.join('\n\n')}\n`);
    rmSync(join(this.folder, 'go.sum'), { force: true });
  }

  /** Of the language, as `1.26.3`. */
  private async version(): Promise<string> {
    const { stdout } = await this.run('env', 'GOVERSION');
    return stdout.replace(/^go/, '');
  }

  /** Builds commands into `bin`, and says every now and then how far it is. */
  async build(title: string, packages: readonly string[]): Promise<void> {
    const { say, begun } = this.told;
    const { stdout } = await this.run('list', '-mod=mod', '-deps', ...packages);
    const total = stdout.split('\n').length;
    let [compiled, fetched] = [0, 0];
    const tell = (): void =>
      say(
        `${title}: ${compiled} of ${total} packages compiled (those of earlier ` +
          `builds are not again)${fetched > 0 ? `, ${fetched} modules fetched` : ''}, ` +
          `${minutesSince(begun)}`,
      );
    tell();
    const timer = setInterval(tell, progressMs);
    try {
      await this.run('build', '-v', '-mod=mod', '-o', join(this.folder, 'bin/'), ...packages).also(
        (line) => {
          if (line.startsWith('go: downloading')) fetched += 1;
          else if (/^[\w.-]+(\/\S+)?$/.test(line)) compiled += 1;
        },
      );
    } finally {
      clearInterval(timer);
    }
    tell();
  }

  private run(...args: string[]) {
    const { signal } = this.told;
    // Go's module cache is kept: it is shared with everything else that Go builds for this user.
    const running = execa(this.program, args, {
      cwd: this.folder,
      env: { GOWORK: 'off' },
      stdin: 'ignore',
      ...(signal ? { cancelSignal: signal } : {}),
    });
    return Object.assign(running, {
      /** Each line of its standard error, as it comes. */
      async also(each: (line: string) => void): Promise<void> {
        createInterface({ input: running.stderr }).on('line', each);
        await running;
      },
    });
  }
}

/** What Go said at the end: before that come the names of thousands of packages. */
function withoutProgress(error: unknown): unknown {
  if (!(error instanceof ExecaError)) return error;
  const last = String(error.stderr ?? '')
    .split('\n')
    .slice(-linesOfError);
  return new Error(
    `Go could not build it (${error.escapedCommand.slice(0, 200)}):\n${last.join('\n')}`,
  );
}

const minutesSince = (begun: number): string =>
  `${((performance.now() - begun) / 60_000).toFixed(1)} min`;

/**
 * The replacements of a module. Kubernetes finds its parts in folders beside it; elsewhere they are
 * modules of their own.
 */
function replacements(moduleFile: string): string[] {
  return [...moduleFile.matchAll(/^\s*(?:replace )?(\S+(?: v\S+)?) => (\S+)(?: (v\S+))?$/gm)].map(
    ([, name, by = '', version]) =>
      by.startsWith('.')
        ? `replace ${name} => ${name} ${partsVersion}`
        : `replace ${name} => ${by} ${version}`,
  );
}
