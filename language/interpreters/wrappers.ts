import type { Wrapper } from './form.js';

const timeout: Wrapper = {
  ...{ before: 1, skip: 'ks', long: ['--kill-after', '--signal'] },
  flags: ['--foreground', '--preserve-status', '--verbose'],
};
const plainly: Wrapper = { before: 0, skip: '' };

/** Settings of a unit that name nothing to run. */
const limits: readonly string[] = [
  ...['memorymax=', 'memoryhigh=', 'memorylow=', 'memorymin=', 'memoryswapmax=', 'tasksmax='],
  ...['cpuquota=', 'cpuweight=', 'allowedcpus=', 'ioweight=', 'nice=', 'slice='],
  ...['description=', 'runtimemaxsec=', 'timeoutstopsec=', 'limitnofile=', 'limitnproc='],
];
/** In a container, or on another host. */
const entering: Wrapper = {
  ...{ before: 1, skip: 'euw', long: ['--env', '--env-file', '--user', '--workdir', '--index'] },
  flags: ['--detach', '--interactive', '--privileged', '--tty', '--no-tty', '--no-TTY'],
};

/** Programs that run another one; as with interpreters, a key may have several words. */
export const wrappers: Readonly<Record<string, Wrapper>> = {
  env: {
    ...{ before: 0, skip: 'uCaP', long: ['--unset', '--chdir', '--split-string', '--argv0'] },
    flags: [
      ...['--ignore-environment', '--null', '--debug', '--block-signal', '--default-signal'],
      ...['--ignore-signal', '--list-signal-handling'],
    ],
    ...{ assigns: true, splits: ['S', '--split-string'], chdir: ['C', '--chdir'] },
    ...{ clears: ['-', 'i', '--ignore-environment'], unsets: ['u', '--unset'] },
  },
  sudo: {
    ...{ before: 0, skip: 'ugCDhpRrtTU', assigns: true, chdir: ['D', '--chdir'] },
    long: [
      ...['--user', '--group', '--host', '--prompt', '--chroot', '--chdir', '--close-from'],
      ...['--role', '--type', '--other-user', '--command-timeout'],
    ],
    flags: [
      ...['--non-interactive', '--preserve-env', '--set-home', '--stdin', '--askpass'],
      ...['--background', '--bell', '--login', '--shell', '--reset-timestamp'],
    ],
  },
  doas: { before: 0, skip: 'uCa' },
  nice: { before: 0, skip: 'n', long: ['--adjustment'] },
  ionice: { before: 0, skip: 'cnp', long: ['--class', '--classdata'], flags: ['--ignore'] },
  chrt: { before: 1, skip: 'TPD' },
  taskset: { before: 1, skip: '', flags: ['--cpu-list', '--all-tasks'] },
  setsid: { before: 0, skip: '', flags: ['--ctty', '--fork', '--wait'] },
  pkexec: { before: 0, skip: '', long: ['--user'], flags: ['--keep-cwd'] },
  runuser: { before: 0, skip: 'ugGw', long: ['--user', '--group', '--supp-group'] },
  stdbuf: { before: 0, skip: 'ioe', long: ['--input', '--output', '--error'] },
  time: {
    ...{ before: 0, skip: 'fo', long: ['--format', '--output'] },
    flags: ['--portability', '--append', '--verbose', '--quiet'],
  },
  ...{ timeout, gtimeout: timeout },
  xargs: {
    ...{ before: 0, skip: 'adEILnPs' },
    long: [
      ...['--arg-file', '--delimiter', '--max-lines', '--max-args', '--max-procs', '--max-chars'],
      '--process-slot-var',
    ],
    flags: ['--null', '--interactive', '--no-run-if-empty', '--verbose', '--exit', '--open-tty'],
  },
  chroot: { before: 1, skip: '', flags: ['--skip-chdir'] },
  unshare: { before: 0, skip: 'RwSG', chdir: ['w', '--wd'] },
  nsenter: { before: 0, skip: 'tSGWN' },
  ...{ nohup: plainly, setpriv: plainly, capsh: plainly, command: plainly, chronic: plainly },
  ...{ busybox: plainly, toybox: plainly, eatmydata: plainly, torsocks: plainly },
  ...{
    linux64: plainly,
    linux32: plainly,
    fakeroot: { before: 0, skip: 'lsib' },
  },
  gosu: { before: 1, skip: '' },
  'su-exec': { before: 1, skip: '' },
  setuidgid: { before: 1, skip: '' },
  chpst: { before: 0, skip: 'uUbemdopfcrtnlL/' },
  exec: { before: 0, skip: 'a' },
  tini: { before: 0, skip: 'pe' },
  'dumb-init': { before: 0, skip: 'r' },
  'systemd-run': {
    ...{ before: 0, skip: 'MuHC', code: ['p', 'E', '--property', '--setenv'], harmless: limits },
    flags: [
      ...['--collect', '--scope', '--pty', '--pipe', '--wait', '--user', '--system', '--quiet'],
      ...['--same-dir', '--no-block', '--no-ask-password', '--remain-after-exit', '--shell'],
    ],
  },
  'systemd-inhibit': plainly,
  // The output of strace goes into a program where it begins with `|` or `!`.
  strace: { before: 0, skip: 'abeIOpPsSuUX', code: ['o', 'E'], harmless: ['/', './'] },
  ltrace: { before: 0, skip: 'aADeFlnopsuwx' },
  valgrind: plainly,
  numactl: { before: 0, skip: 'iNCmpPl' },
  prlimit: { before: 0, skip: 'po' },
  cgexec: { before: 0, skip: 'g' },
  choom: { before: 0, skip: 'np' },
  faketime: { before: 1, skip: '' },
  'xvfb-run': { before: 0, skip: 'efnps' },
  'dbus-run-session': plainly,
  firejail: plainly,
  sshpass: { before: 0, skip: 'pfdP' },
  npx: { before: 0, skip: '', code: ['p', 'c', '--package', '--call'] },
  uvx: { before: 0, skip: '', code: ['w', '--from', '--with'] },
  flock: {
    ...{ before: 1, skip: 'wE', long: ['--timeout', '--wait', '--conflict-exit-code'] },
    flags: ['--shared', '--exclusive', '--unlock', '--nonblock', '--close', '--no-fork'],
  },
  'docker exec': entering,
  'podman exec': entering,
  'nerdctl exec': entering,
  'docker-compose exec': entering,
  'crictl exec': { ...entering, skip: 'r' },
  'lxc exec': { ...entering, skip: 'nT' },
  'pct exec': { before: 1, skip: '' },
  'consul lock': { before: 1, skip: '' },
  'etcdctl lock': { before: 1, skip: '' },
  'ssh-agent': { before: 0, skip: 'aEOPt' },
  'systemd-nspawn': { before: 0, skip: 'DiMuSE' },
  'lxc-attach': { before: 0, skip: 'nfsuglPv' },
  ...{ unbuffer: plainly, proxychains: plainly, tsocks: plainly },
};
