/**
 * Programs whose arguments can contain a command line, such as `kubectl exec POD -- sh -c TEXT`.
 */
export const carriers: ReadonlySet<string> = new Set([
  ...['kubectl', 'oc', 'k3s', 'docker', 'podman', 'nerdctl', 'crictl', 'docker-compose', 'lxc'],
  ...['machinectl', 'aws', 'gcloud', 'az', 'vagrant', 'ansible', 'salt', 'uv', 'poetry', 'pipenv'],
  ...['pipx', 'bundle', 'npm', 'pnpm', 'yarn', 'nix-shell', 'nomad', 'fly', 'heroku', 'find', 'ip'],
  ...['bwrap', 'setarch', 'go', 'cargo', 'bun'],
]);

/** Words of carriers behind which the next one names what is run. */
export const runWords: Readonly<Record<string, readonly string[]>> = {
  ...{ npm: ['exec', 'x', 'run', 'run-script'], pnpm: ['exec', 'dlx', 'run'] },
  ...{ yarn: ['exec', 'dlx', 'run'], bun: ['x', 'run'], bundle: ['exec'], pipx: ['run'] },
  ...{ uv: ['run'], poetry: ['run'], pipenv: ['run'], go: ['run'] },
  ...{ docker: ['--entrypoint'], podman: ['--entrypoint'], nerdctl: ['--entrypoint'] },
};

/** Whether `node` is a kind of thing there, as in `kubectl get node NAME`, and no program. */
export function isThing(carrier: string, verb: string): boolean {
  return carriersOfThings.has(carrier) && verbsOfThings.has(verb);
}

const carriersOfThings: ReadonlySet<string> = new Set(['kubectl', 'oc', 'k3s']);
const verbsOfThings: ReadonlySet<string> = new Set([
  ...['get', 'describe', 'label', 'annotate', 'taint', 'patch', 'edit', 'delete', 'top', 'wait'],
]);

/** Subcommands and names of things that are not programs among the arguments of a carrier. */
export const plainWords: ReadonlySet<string> = new Set([
  ...['exec', 'command', 'time', 'script', 'eval', 'r', 'ed', 'expect', 'watch', 'git', 'make'],
  ...['task', 'just', 'screen', 'view', 'more', 'less', 'ex', 'mail', 'install', 'split', 'sort'],
  ...['hive', 'postgres', 'nginx', 'haproxy', 'salt', 'at', 'dc', 'gs', 'fd', 'tmux'],
]);
