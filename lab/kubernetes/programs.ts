import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { which } from '../../embedded/binaries.js';
import { cacheFolder } from '../../embedded/home.js';

/*
 * The programs of the cluster. Nobody ships them for a plain clone, so they are built here, once,
 * from Go modules; the versions are pinned because a control plane and its kubectl belong together,
 * and so that everybody tests against the same one.
 */

/**
 * The newest patch of the newest minor that kwok's client libraries and Debian's etcd 3.4 are known
 * to work with.
 */
export const kubernetesVersion = '1.36.3';
/** Nodes and pods that are simulated: the oldest release that knows this Kubernetes. */
export const kwokVersion = '0.8.0';

/** The newest Helm 3 that is made for the parts of this Kubernetes. */
export const helmVersion = '3.21.4';
/** The newest OpenTofu that this Go builds: Terraform without its licence. */
export const tofuVersion = '1.12.6';

export const programs = [
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kubectl',
  'kwok',
] as const;
export type Program = (typeof programs)[number];

/** Where they are: `RUNBOOK_KUBERNETES_BIN`, else the cache of downloads and builds. */
export function programFolder(): string {
  const given = process.env['RUNBOOK_KUBERNETES_BIN'];
  return given ? given : join(cacheFolder(), `kubernetes-${kubernetesVersion}-kwok-${kwokVersion}`);
}

export function program(name: Program): string {
  return join(programFolder(), name);
}

/** What the build makes, each in a folder of its own. */
export const parts = {
  kubernetes: { title: `Kubernetes ${kubernetesVersion}`, folder: programFolder, programs },
  helm: {
    title: `Helm ${helmVersion}`,
    folder: (): string => join(cacheFolder(), `helm-${helmVersion}`),
    programs: ['helm'],
  },
  tofu: {
    title: `OpenTofu ${tofuVersion}`,
    folder: (): string => join(cacheFolder(), `tofu-${tofuVersion}`),
    programs: ['tofu'],
  },
} as const;
export type PartName = keyof typeof parts;
export const partNames = Object.keys(parts) as PartName[];

export function isBuilt(name: PartName): boolean {
  const { folder, programs } = parts[name];
  return programs.every((program) => existsSync(join(folder(), program)));
}

/** The parts that the build would still have to make; empty when all is there. */
export const notBuilt = (): PartName[] => partNames.filter((name) => !isBuilt(name));

/** Helm: given by the user, built or installed; undefined when there is none. */
export function findHelm(): string | undefined {
  const given = process.env['RUNBOOK_HELM_BIN'];
  if (given) return given;
  return isBuilt('helm') ? join(parts.helm.folder(), 'helm') : which('helm', ['/usr/local/bin']);
}

/**
 * Terraform, or OpenTofu, which takes the same words: given by the user, installed or built;
 * undefined when there is none.
 */
export function findTerraform(): string | undefined {
  const given = process.env['RUNBOOK_TERRAFORM_BIN'];
  if (given) return given;
  return isBuilt('tofu')
    ? join(parts.tofu.folder(), 'tofu')
    : (which('terraform') ?? which('tofu'));
}

/** kubectl: built, else installed; undefined when there is none. */
export function findKubectl(): string | undefined {
  return existsSync(program('kubectl')) ? program('kubectl') : which('kubectl');
}

/** Go, which builds them; undefined when it is not installed. */
export function findGo(): string | undefined {
  return process.env['RUNBOOK_GO_BIN'] ?? which('go', ['/usr/local/go/bin']);
}

/**
 * etcd, which keeps the cluster's state; undefined when it is not installed, or `none` is given.
 */
export function findEtcd(): string | undefined {
  const given = process.env['RUNBOOK_ETCD_BIN'];
  if (given === 'none') return undefined;
  return given ?? which('etcd', ['/usr/local/bin']);
}

/** Why no cluster can be started here, and what to do; undefined when one can. */
export function kubernetesMissing(): string | undefined {
  if (!isBuilt('kubernetes'))
    return 'the programs of Kubernetes are not built: build them with npm run kubernetes -- build';
  if (!findEtcd())
    return (
      'etcd is not installed: install it (Debian: apt-get ' +
      'install etcd-server) or name it in RUNBOOK_ETCD_BIN'
    );
  return undefined;
}
