/*
 * What the real tools take: written from their own usage, and compared with it by usage.test.ts
 * where a tool is installed. Only what a site's program may want is listed; the stand-ins refuse
 * everything else as the real ones would.
 */

export type ToolName = 'terraform' | 'kubectl' | 'helm' | 'aws' | 'psql';
export const toolNames: readonly ToolName[] = ['terraform', 'kubectl', 'helm', 'aws', 'psql'];

/** Flags that take a value, and those that are switches. */
export interface Flags {
  values: readonly string[];
  switches: readonly string[];
}

export interface Usage {
  /** Taken with every verb. */
  globals: Flags;
  /** By its words, such as `rollout status`; `` for a tool without verbs. */
  verbs: Record<string, Flags>;
}

const ofPlan: Flags = {
  values: ['-lock-timeout', '-parallelism', '-var', '-var-file'],
  // In Go a switch is also written with its value.
  switches: ['-input', '-no-color', '-compact-warnings', '-lock'],
};

const ofFile = ['--filename', '--field-manager', '--output', '--dry-run', '--validate'] as const;
const ofHelmWait: Flags = { values: ['--timeout'], switches: ['--wait', '--wait-for-jobs'] };

export const usage: Record<ToolName, Usage> = {
  terraform: {
    globals: { values: ['-chdir'], switches: [] },
    verbs: {
      init: {
        values: ['-backend-config', '-lock-timeout'],
        switches: ['-input', '-no-color', '-reconfigure', '-upgrade'],
      },
      apply: { ...ofPlan, switches: [...ofPlan.switches, '-auto-approve'] },
      destroy: { ...ofPlan, switches: [...ofPlan.switches, '-auto-approve'] },
      'state list': { values: ['-state', '-id'], switches: [] },
    },
  },
  kubectl: {
    globals: {
      values: ['--kubeconfig', '--context', '--namespace', '--request-timeout'],
      switches: [],
    },
    verbs: {
      get: {
        values: ['--output', '--selector', '--field-selector'],
        switches: ['--ignore-not-found', '--all-namespaces'],
      },
      create: { values: ofFile, switches: ['--save-config'] },
      'create job': { values: ['--from', '--image', ...ofFile.slice(1)], switches: [] },
      replace: {
        values: [...ofFile, '--timeout', '--grace-period'],
        switches: ['--force', '--wait'],
      },
      apply: {
        values: [...ofFile, '--timeout'],
        switches: ['--server-side', '--force-conflicts', '--wait', '--prune'],
      },
      scale: {
        values: ['--replicas', '--current-replicas', '--resource-version', '--timeout'],
        switches: ['--all'],
      },
      annotate: {
        values: ['--field-manager', '--resource-version'],
        switches: ['--overwrite', '--list'],
      },
      delete: {
        values: ['--timeout', '--grace-period', '--selector'],
        switches: ['--ignore-not-found', '--wait', '--now', '--force'],
      },
      'rollout status': { values: ['--timeout', '--revision'], switches: ['--watch'] },
    },
  },
  helm: {
    globals: { values: ['--kubeconfig', '--kube-context', '--namespace'], switches: ['--debug'] },
    verbs: {
      upgrade: {
        values: [
          ...ofHelmWait.values,
          '--description',
          '--history-max',
          '--version',
          '--values',
          '--set',
          '--set-string',
        ],
        switches: [
          ...ofHelmWait.switches,
          '--install',
          '--atomic',
          '--cleanup-on-fail',
          '--reset-values',
          '--create-namespace',
        ],
      },
      status: { values: ['--output', '--revision'], switches: [] },
      history: { values: ['--output', '--max'], switches: [] },
      rollback: {
        values: [...ofHelmWait.values, '--history-max'],
        switches: [...ofHelmWait.switches, '--cleanup-on-fail'],
      },
      uninstall: {
        values: ['--timeout', '--description'],
        switches: ['--wait', '--keep-history', '--ignore-not-found'],
      },
    },
  },
  aws: {
    globals: {
      values: ['--query', '--output', '--region', '--profile', '--endpoint-url'],
      switches: [],
    },
    verbs: {
      's3 cp': {
        values: ['--sse', '--checksum-algorithm', '--expected-size'],
        switches: ['--only-show-errors', '--no-progress', '--recursive'],
      },
      's3 rm': { values: [], switches: ['--only-show-errors', '--recursive'] },
      's3api list-objects-v2': {
        values: ['--bucket', '--prefix', '--max-items', '--page-size'],
        switches: [],
      },
      's3api head-object': {
        values: ['--bucket', '--key', '--checksum-mode', '--version-id'],
        switches: [],
      },
      's3api copy-object': {
        values: ['--bucket', '--key', '--copy-source', '--checksum-algorithm'],
        switches: [],
      },
    },
  },
  psql: {
    globals: { values: [], switches: [] },
    verbs: {
      '': {
        values: [
          '--host',
          '--port',
          '--username',
          '--dbname',
          '--command',
          '--file',
          '--set',
          '--variable',
        ],
        switches: [
          '--no-psqlrc',
          '--no-password',
          '--quiet',
          '--tuples-only',
          '--no-align',
          '--single-transaction',
          '--csv',
        ],
      },
    },
  },
};

export interface Taken {
  verb: string;
  flags: Map<string, string[]>;
  rest: string[];
}

/** @throws Error in the tool's manner for what it does not know */
export function take(tool: ToolName, argv: readonly string[]): Taken {
  const { globals, verbs } = usage[tool];
  const words = argv.filter((arg) => !isFlag(arg));
  const verb = [words.slice(0, 2).join(' '), words[0] ?? '', ''].find((each) =>
    Object.hasOwn(verbs, each),
  );
  const known = verb === undefined ? undefined : verbs[verb];
  if (verb === undefined || !known)
    throw new Error(`${tool}: unknown command ${words.slice(0, 2).join(' ')}`);
  const flags = new Map<string, string[]>();
  for (const arg of argv.filter(isFlag)) {
    const [, flag = '', value] = /^([^=]+)(?:=(.*))?$/s.exec(arg) ?? [];
    const takesValue = [...globals.values, ...known.values].includes(flag);
    const isSwitch = [...globals.switches, ...known.switches].includes(flag);
    if (!takesValue && !isSwitch) throw new Error(`${tool} ${verb}: unknown flag: ${flag}`);
    if (takesValue && value === undefined)
      throw new Error(`${tool} ${verb}: flag needs an argument: ${flag}`);
    flags.set(flag, [...(flags.get(flag) ?? []), value ?? 'true']);
  }
  return { verb, flags, rest: words.slice(verb === '' ? 0 : verb.split(' ').length) };
}

/** A dash alone is standard input or output. */
function isFlag(arg: string): boolean {
  return arg.startsWith('-') && arg !== '-';
}
