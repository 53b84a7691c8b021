import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { execa, ExecaError } from 'execa';
import {
  findGo,
  helmFolder,
  helmVersion,
  isBuilt,
  isHelmBuilt,
  kubernetesVersion,
  kwokVersion,
  programFolder,
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

/** What is built together. */
interface Part {
  title: string;
  /** Where its programs are afterwards. */
  folder: string;
  isBuilt: boolean;
  make(go: Go): Promise<void>;
}

const parts = (): Part[] => [
  {
    title: `Kubernetes ${kubernetesVersion}`,
    folder: programFolder(),
    isBuilt: isBuilt(),
    async make(go) {
      await go.module(`k8s.io/kubernetes v${kubernetesVersion}`);
      await go.build(
        `Kubernetes ${kubernetesVersion}`,
        commands.map((name) => `k8s.io/kubernetes/cmd/${name}`),
      );
      await go.module(`sigs.k8s.io/kwok v${kwokVersion}`, { withParts: false });
      await go.build(`kwok ${kwokVersion}`, ['sigs.k8s.io/kwok/cmd/kwok']);
    },
  },
  {
    title: `Helm ${helmVersion}`,
    folder: helmFolder(),
    isBuilt: isHelmBuilt(),
    async make(go) {
      // With the same parts of Kubernetes: most of it is compiled already.
      await go.module(`helm.sh/helm/v3 v${helmVersion}`);
      await go.build(`Helm ${helmVersion}`, ['helm.sh/helm/v3/cmd/helm']);
    },
  },
];

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
  const missing = parts().filter((part) => !part.isBuilt);
  if (missing.length === 0) return say(`built already: ${programFolder()}, ${helmFolder()}`);
  const program = findGo();
  if (!program)
    throw new Error(
      'Go is not installed: install it (https://go.dev/dl), or name it in RUNBOOK_GO_BIN.',
    );
  setPriority(niceness);
  say(
    `building ${missing.map(({ title }) => title).join(' and ')} once: six to eight minutes on two idle ` +
      'cores, a quarter of an hour and more beside other work; what is compiled is kept when it is broken off',
  );
  const begun = performance.now();
  const { limitMs } = options;
  const signal = limitMs === undefined ? undefined : AbortSignal.timeout(limitMs);
  for (const part of missing) {
    const { folder } = part;
    mkdirSync(dirname(folder), { recursive: true });
    const work = mkdtempSync(join(dirname(folder), 'building-kubernetes-'));
    try {
      await part.make(new Go(program, work, { say, begun, signal }));
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
   * @param options.withParts with the parts of our Kubernetes in place of those that it asks for
   */
  async module(needed: string, { withParts = true } = {}): Promise<void> {
    const { stdout } = await this.run('mod', 'download', '-json', kubernetes);
    const { GoMod } = JSON.parse(stdout) as { GoMod: string };
    const text = moduleFile(needed, readFileSync(GoMod, 'utf8'), withParts);
    writeFileSync(join(this.folder, 'go.mod'), text);
    rmSync(join(this.folder, 'go.sum'), { force: true });
  }

  /** Builds commands into `bin`, and says every now and then how far it is. */
  async build(title: string, packages: readonly string[]): Promise<void> {
    const { say, begun } = this.told;
    const { stdout } = await this.run('list', '-mod=mod', '-deps', ...packages);
    const total = stdout.split('\n').length;
    let [compiled, fetched] = [0, 0];
    const tell = (): void =>
      say(
        `${title}: ${compiled} of ${total} packages compiled (those of earlier builds are not again)` +
          `${fetched > 0 ? `, ${fetched} modules fetched` : ''}, ${minutesSince(begun)}`,
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
 * Kubernetes' own module finds its parts in folders beside it; a module that uses it has to say
 * where they really are.
 */
function moduleFile(needed: string, kubernetesModule: string, withParts: boolean): string {
  const names = new Set(
    [...kubernetesModule.matchAll(/^\s*(?:replace )?(k8s\.io\/[a-z-]+) => \.\/staging/gm)].map(
      ([, name]) => name,
    ),
  );
  const goVersion = /^go (\S+)$/m.exec(kubernetesModule)?.[1] ?? '1.26.0';
  return [
    'module cluster',
    `go ${goVersion}`,
    `require ${needed}`,
    ...(withParts ? [...names].map((name) => `replace ${name} => ${name} ${partsVersion}`) : []),
    '',
  ].join('\n\n');
}
