import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { findGo, isBuilt, kubernetesVersion, kwokVersion, programFolder } from './programs.js';

/** The parts of Kubernetes that are separate modules have version 0.x of the same release. */
const partsVersion = `v0.${kubernetesVersion.replace(/^1\./, '')}`;
const commands = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kubectl'];
const niceness = 10;

/**
 * Builds the programs from Go modules into the cache, unless they are there: about six minutes on two idle cores, at low priority.
 * A build that is broken off leaves nothing that looks whole.
 * @throws Error when there is no Go, or it fails
 */
export async function build(say: (line: string) => void): Promise<void> {
  if (isBuilt()) return;
  const go = findGo();
  if (!go)
    throw new Error(
      'Go is not installed: install it (https://go.dev/dl), or name it in RUNBOOK_GO_BIN.',
    );
  setPriority(niceness);
  const folder = programFolder();
  mkdirSync(dirname(folder), { recursive: true });
  const work = mkdtempSync(join(dirname(folder), 'building-kubernetes-'));
  const run = (...args: string[]) =>
    // Go's module cache is kept: it is shared with everything else that Go builds for this user.
    execa(go, args, {
      cwd: work,
      env: { GOWORK: 'off', GOBIN: join(work, 'bin') },
      stderr: 'inherit',
      stdin: 'ignore',
    });
  try {
    say(
      `building Kubernetes ${kubernetesVersion} and kwok ${kwokVersion} once, which takes some minutes …`,
    );
    const { stdout } = await run(
      'mod',
      'download',
      '-json',
      `k8s.io/kubernetes@v${kubernetesVersion}`,
    );
    const { GoMod } = JSON.parse(stdout) as { GoMod: string };
    writeFileSync(join(work, 'go.mod'), moduleFile(readFileSync(GoMod, 'utf8')));
    mkdirSync(join(work, 'bin'));
    await run(
      'build',
      '-mod=mod',
      '-o',
      join(work, 'bin/'),
      ...commands.map((name) => `k8s.io/kubernetes/cmd/${name}`),
    );
    await run('install', `sigs.k8s.io/kwok/cmd/kwok@v${kwokVersion}`);
    rmSync(folder, { recursive: true, force: true });
    renameSync(join(work, 'bin'), folder);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  say(`built: ${folder}`);
}

/** Kubernetes' own module finds its parts in folders beside it; a module that uses it has to say where they really are. */
function moduleFile(kubernetes: string): string {
  const parts = [
    ...new Set(
      [...kubernetes.matchAll(/^\s*(?:replace )?(k8s\.io\/[a-z-]+) => \.\/staging/gm)].map(
        ([, name]) => name,
      ),
    ),
  ];
  const goVersion = /^go (\S+)$/m.exec(kubernetes)?.[1] ?? '1.26.0';
  return [
    'module cluster',
    `go ${goVersion}`,
    `require k8s.io/kubernetes v${kubernetesVersion}`,
    ...parts.map((name) => `replace ${name} => ${name} ${partsVersion}`),
    '',
  ].join('\n\n');
}
