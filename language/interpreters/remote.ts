import type { Interpreter } from './form.js';

/* What reaches other hosts: a shell there reads its text. */

/** Numbers, or words that name nothing to run. */
const sshSettings: readonly string[] = [
  ...['connecttimeout', 'connectionattempts', 'serveraliveinterval', 'serveralivecountmax'],
  ...['port', 'loglevel', 'batchmode'],
];
const remote: Interpreter = {
  ...{ letters: 'oFI', skip: 'bcDEeiJLlmOpQRSWw', plain: 'second', harmless: sshSettings },
};
const copy: Interpreter = { letters: 'oSFD', skip: 'ciJlPX', harmless: sshSettings };
const pack = ['--upload-pack'];
const many: Interpreter = { skip: 'whlptgxo', plain: 'all' };
const playbook: Interpreter = {
  letters: 'eiM',
  options: [
    ...['--extra-vars', '--inventory', '--inventory-file', '--module-path'],
    ...['--ssh-common-args', '--ssh-extra-args', '--scp-extra-args', '--sftp-extra-args'],
    ...['--vault-password-file', '--connection-password-file', '--become-password-file'],
  ],
  skip: 'ltufkcT',
};
const salt: Interpreter = {
  options: [
    ...['cmd.run', 'cmd.run_all', 'cmd.run_stdout', 'cmd.run_stderr', 'cmd.run_bg'],
    ...['cmd.retcode', 'cmd.shell', 'cmd.exec_code', 'cmd.exec_code_all', 'cmd.script'],
    ...['cmd.powershell'],
  ],
};

export const remotes: Readonly<Record<string, Interpreter>> = {
  ssh: remote,
  ...{ rsh: remote, slogin: remote, autossh: remote, plink: remote, pdsh: remote },
  mosh: { ...remote, options: ['--ssh', '--server', '--client'] },
  ...{ pssh: many, clush: many, dsh: many },
  scp: { ...copy, remoteUnless: ['s'] },
  sftp: { ...copy, letters: 'oSFDb' },
  sshfs: { letters: 'oF' },
  'ssh-keygen': { letters: 'Dw' },
  'ssh-add': { letters: 'sS' },
  rsync: {
    letters: 'e',
    options: ['--rsh', '--rsync-path', '--early-input'],
    skip: 'fBTM',
    remoteUnless: ['s', '--protect-args', '--secluded-args'],
  },
  rclone: {
    options: ['--password-command', '--sftp-ssh', '--webdav-bearer-token-command'],
    marks: ':',
  },
  git: {
    letters: 'c',
    options: ['--exec-path', '--config-env'],
    ...{ skip: 'C', stops: true, harmless: ['user.', 'author.', 'committer.'] },
  },
  'git clone': { letters: 'cu', options: ['--config', '--template', ...pack], skip: 'bjo' },
  'git init': { options: ['--template'] },
  'git fetch': { options: pack },
  'git pull': { options: pack },
  'git ls-remote': { options: ['--exec', ...pack] },
  'git push': { options: ['--exec', '--receive-pack'], skip: 'o' },
  'git archive': { options: ['--exec'], skip: 'o' },
  'git rebase': { letters: 'x', options: ['--exec'], skip: 'sXC' },
  'git bisect run': { plain: 'all' },
  'git submodule foreach': { plain: 'all' },
  'git filter-branch': {
    options: [
      ...['--setup', '--env-filter', '--tree-filter', '--index-filter', '--parent-filter'],
      ...['--msg-filter', '--commit-filter', '--tag-name-filter'],
    ],
  },
  'git difftool': { letters: 'xt', options: ['--extcmd', '--tool'] },
  'git mergetool': { letters: 't', options: ['--tool'] },
  'git grep': { letters: 'O', options: ['--open-files-in-pager'], skip: 'efABCm' },
  'git send-email': {
    options: ['--smtp-server', '--sendmail-cmd', '--to-cmd', '--cc-cmd', '--header-cmd'],
  },
  'git config': { plain: 'all', skip: 'f', harmless: ['user.', 'author.', 'committer.'] },
  ansible: { ...playbook, letters: 'aeiM', options: ['--args', ...(playbook.options ?? [])] },
  'ansible-playbook': { ...playbook, script: true },
  ...{ salt, 'salt-call': salt, 'salt-ssh': salt },
  puppet: { letters: 'e', options: ['--execute', '--modulepath'] },
  'knife ssh': { plain: 'second' },
  'vagrant ssh': { letters: 'c', options: ['--command'] },
  'gcloud ssh': { options: ['--command'] },
  'az run-command': { options: ['--scripts'] },
  'aws send-command': { options: ['--parameters', '--cli-input-json'] },
  'fly ssh': { letters: 'C', options: ['--command'] },
  'kubectl config set-credentials': { options: ['--exec-command', '--exec-arg', '--exec-env'] },
  helm: { options: ['--post-renderer', '--post-renderer-args'] },
  'helm plugin': { plain: 'second' },
  curl: { letters: 'K', options: ['--config', '--engine'], skip: 'AbcCdDeEFhHmoPQrtTuUwxXyYz' },
  wget: {
    letters: 'e',
    options: ['--execute', '--config', '--use-askpass'],
    skip: 'oaiBtOTwQPUlARDIX',
  },
  nmap: { options: ['--script', '--datadir'], skip: 'ioSgpeD' },
  socat: { plain: 'all' },
  nc: { letters: 'ec', options: ['--exec', '--sh-exec', '--lua-exec'] },
  ncat: { letters: 'ec', options: ['--exec', '--sh-exec', '--lua-exec'] },
};
