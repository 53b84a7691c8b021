import { describe, expect, test } from '@jest/globals';
import { openProgramText, openVariable, unsafeValue } from '../../../language/arguments.js';
import { wrappers } from '../../../language/interpreters/wrappers.js';
import { textOf } from '../../../language/open-argument.js';
import { programPlaces } from '../../../language/program-places.js';
import { Library } from '../../../language/document/library.js';
import { lint } from '../../../language/document/lint.js';
import type { Json } from '../../../language/json.js';
import { valuePlaces } from '../../../language/reference.js';

const x = { $: 'inputs.x' };
/** `X` stands for a value, also behind other text. */
const argv = (line: string): Json[] =>
  line.split(' ').map((word): Json => {
    if (word === 'X') return x;
    return /[-=:/]X$|^-[a-zA-Z]X$/.test(word) ? { join: [word.slice(0, -1), x] } : word;
  });

describe('a value never is code', () => {
  test.each([
    ...['sh -c X', '/bin/sh -c X', 'bash -lc X', 'bash -euxc X', 'bash -o pipefail -c X'],
    ...['bash --norc -c X', 'zsh -c X', 'dash -ce X', 'sh -c -- X', 'sh -c -e X', 'fish -c X'],
    ...[
      'sh X',
      'bash -x X',
      'bash --rcfile X',
      'busybox sh -c X',
      'env sh -c X',
      'env A=b sh -c X',
    ],
    ...['env -i sh -c X', 'env -u A sh -c X', 'env -S X', 'env X', 'sudo sh -c X', 'sudo X'],
    ...['sudo -u root sh -c X', 'sudo -E -u root bash -c X', 'nohup sh -c X', 'nice -n 5 sh -c X'],
    ...[
      'timeout 5 sh -c X',
      'timeout -k 1 5 X',
      'setsid sh -c X',
      'stdbuf -oL sh -c X',
      'time sh -c X',
    ],
    ...[
      'xargs sh -c X',
      'xargs -n 1 X',
      'xargs -I {} sh -c X',
      'find . -exec sh -c X',
      'find . -exec X',
    ],
    ...['flock /tmp/l -c X', 'flock /tmp/l sh -c X', 'su -c X', 'su root -c X', 'script -qc X'],
    ...['watch X', 'watch -n 5 ls X', 'parallel X', 'chroot / sh -c X', 'systemd-run sh -c X'],
    ...['python -c X', 'python3 -c X', 'python3.12 -Bc X', '/usr/bin/python3 -m X', 'python X'],
    ...[
      'node -e X',
      'node --eval X',
      'node -p X',
      'node -pe X',
      'node -r X',
      'node --import X',
      'node X',
    ],
    ...['perl -e X', 'perl -ne X', 'perl -lane X', 'perl -e 1 -e X', 'perl -E X', 'ruby -e X'],
    ...['ruby -rjson -e X', 'php -r X', 'lua -e X', 'lua5.4 -e X', 'Rscript -e X', 'julia -e X'],
    ...['pwsh -Command X', 'deno eval X', 'osascript -e X', 'perl5.36.0 -e X'],
    ...[
      'psql -c X',
      'psql -Atc X',
      'psql -d a -c X',
      'psql --command X',
      'psql -f X',
      'mysql -e X',
    ],
    ...['mysql -u root --execute X', 'sqlite3 a.db X', 'mongosh --eval X', 'redis-cli eval X'],
    ...[
      'ssh host X',
      'ssh -p 22 host X',
      'ssh host ls X',
      'ssh X X',
      'ssh host -- X',
      'ssh -o X host',
    ],
    ...['ssh host sh -c true sh X', 'sshpass -p a ssh host X', 'rsync -e X a b', 'scp -o X a b'],
    ...[
      'awk X',
      'awk -F , X file',
      'gawk -v a=b X',
      'awk -f X',
      'mawk X file',
      'sed X',
      'sed -n X',
    ],
    ...['sed -i X file', 'sed -e s/a/b/ -e X', 'sed -ne X', 'sed --expression X', 'sed -f X'],
    ...[
      'jq X',
      'jq -r X',
      'jq -rn --arg a b X',
      'jq --argjson a 1 X f',
      'jq -f X',
      'yq eval X',
      'yq X',
    ],
    ...['kubectl exec pod -- sh -c X', 'docker exec c bash -lc X', 'docker run i python3 -c X'],
    ...[
      'psql --command=X',
      'psql -cX',
      'mysql -eX',
      'ssh -oProxyCommand=X host',
      'rsync --rsh=X a b',
    ],
    ...['tar --checkpoint-action=exec=X -x', 'su --command=X root', 'bash --rcfile=X', 'sh -c -X'],
    ...['nice --adjustment 5 sh -c X', 'nice --adjustment 5 X', 'sudo --user root sh -c X'],
    ...['timeout --signal KILL 5 sh -c X', 'timeout --kill-after 1 5 X', 'env -C dir sh -c X'],
    ...['env --chdir dir X', 'systemd-run --unit a sh -c X', 'systemd-run --unit a X'],
    ...['nsenter --target 1 sh -c X', 'chroot --userspec a / X', 'pkexec sh -c X', 'pkexec X'],
    ...['runuser --user a -- sh -c X', 'runuser -u a -- X', 'ip netns exec a sh -c X'],
    ...['kubectl exec pod node X', 'docker run get node X', 'kubectl get node -- node X'],
    ...['kubectl exec pod -- X', 'cockroach sql -e X', 'env --split-string=X', 'curl -X', 'ls --X'],
    ...['env - sh -c X', 'env A.b=c sh -c X', 'env -iC dir sh -c X', 'env -uu sh -c X'],
    ...['env -vS X', 'env -Ssh X', 'env -S sh X', 'env --split=X', 'env -S sh -c X'],
    ...['env LD_PRELOAD=X ls', 'env PATH=X ls', 'sudo BASH_ENV=X ls', 'sudo a.b=c sh -c X'],
    ...['npx -c X', 'npx --package X ls', 'npx --call=X', 'uvx --from X ls', 'su -s X root'],
    ...['su root X', 'su - root X', 'runuser -s X root', 'sg group X', 'sg group -c X'],
    ...['setarch x86_64 sh -c X', 'setarch -R sh -c X', 'bwrap --ro-bind / / sh -c X'],
    ...['npm exec X', 'npm run X', 'uv run X', 'go run X', 'docker run --entrypoint X image'],
    ...['docker run --entrypoint=X image', 'java -jar X', 'socat X -', 'nc -e X', 'man -P X'],
    ...['start-stop-daemon --exec X', 'crontab X', 'irb -r X', 'chrt -b sh -c X'],
    ...['unshare -R / sh -c X', 'strace -P / sh -c X', 'systemd-run -G sh -c X'],
    ...['watch --interval 5 X', 'parallel -j 4 X', 'nsenter -S 1 sh -c X', 'doas -u a sh -c X'],
    ...['git -c X pull', 'tar --to-command X', 'gdb -ex X', 'vim -c X', 'X', 'cmd.exe /c X'],
    ...['make SHELL=X', 'make all VERSION=X', 'make X', 'make -C dir A=X', 'make -j X', 'gmake X'],
    ...['psql -v name=X -f a.sql', 'psql --set name=X', 'psql --variable=name=X', 'psql -vname=X'],
    ...['curl -K X', 'curl -sK X', 'curl --config X', 'sqlite3 a.db .shell X', 'sqlite3 -cmd X a'],
    ...['git -c core.sshCommand=X pull', 'git -c alias.a=X a', 'git clone -c core.pager=X a'],
    ...['git -C dir rebase -x X', 'git fetch --upload-pack X', 'git config core.pager X'],
    ...['git submodule foreach X', 'git bisect run X', 'git difftool -x X', 'git clone -u X a'],
    ...['tar --checkpoint-action=X', 'tar --checkpoint-act=X', 'tar -I X -xf a', 'zip -TT X a b'],
    ...['env -S X', 'less -k X', 'man -P X ls', 'docker exec c X', 'docker exec -it c make A=X'],
    ...['podman exec -e A=b c X', 'docker compose exec web X', 'kubectl exec pod -- make A=X'],
    ...['systemd-run -p ExecStartPre=X ls', 'systemd-run --property=X ls', 'R -e X', 'php -d a=X'],
    ...[
      'mysql -e X',
      'mysql --pager=X',
      'openssl engine X',
      'openssl req -engine X',
      'scp -S X a b',
    ],
    ...['wget --use-askpass X', 'wget -e X', 'nmap --script X a', 'ansible all -m shell -a X'],
    ...['ansible-playbook -e a=X site.yml', 'scp host:X .', 'rsync a host:X', 'perl -ne print X'],
    ...[
      'salt a cmd.run X',
      'gcloud compute ssh a --command X',
      'vagrant ssh -c X',
      'split --filter X a',
    ],
    ...['aws ssm send-command --parameters X', 'strace -o X ls', 'sort --compress-program X a'],
  ])('%s is refused', (line) => {
    expect(openProgramText(argv(line))?.why).toEqual(expect.any(String));
  });

  test.each([
    ...['echo X', 'sh -c true sh X', 'sh -c true X', 'bash -euo pipefail -c true bash X X'],
    ...[
      'sh script.sh X',
      'python -c pass X',
      'python script.py X',
      'node script.js X',
      'node -e 1 X',
    ],
    ...[
      'awk -v a=b {print} X',
      'awk -f prog.awk X',
      'sed s/a/b/ X',
      'sed -e s/a/b/ X',
      'sed -n p X',
    ],
    ...['jq . X', 'jq --arg name X .a', 'jq -n --arg a X --argjson b X {}', 'jq -f prog.jq X'],
    ...['psql -h X -U X -d X -c SELECT', 'mysql -h X -e SELECT', 'ssh X ls', 'ssh -p X host ls'],
    ...['sudo -u X systemctl restart web', 'timeout X curl X', 'env A=b curl X', 'nice -n X tar X'],
    ...['kubectl -n X rollout restart X', 'kubectl exec X -- sh -c true sh X', 'git switch -c X'],
    ...[
      'git checkout X',
      'tar -xzf X -C X',
      'find X -name X',
      'curl -d X http://a',
      'xargs echo X',
    ],
    ...['psql --dbname=X -c SELECT', 'psql -hX -c SELECT', 'ssh -pX host ls', 'git -CX status'],
    ...['nice --adjustment 5 tar X', 'sudo --user root systemctl restart X', 'jq --arg n X .a'],
    ...[
      'timeout --signal KILL 5 curl X',
      'env --ignore-environment curl X',
      'curl --data=X http://a',
    ],
    ...['kubectl get node X', 'kubectl label node X a=b', 'oc describe node X'],
    ...['kubectl scale --replicas=X deployment/web', 'kubectl exec pod -- ls X', 'env A=X curl b'],
    ...['env -C X ls', 'env --chdir=X ls', 'env - A=X ls X', 'su X', 'su - X', 'runuser -u X ls'],
    ...['env -- A=b echo X', 'systemd-run -G echo X', 'strace -P X ls', 'sudo -D X ls X'],
    ...['npm ci --prefix X', 'docker run image X', 'go build X', 'setarch -R ls X'],
    ...['psql -v ON_ERROR_STOP=1 -h X -d X -c SELECT', 'psql -o /tmp/X -c SELECT', 'make -C X all'],
    ...[
      'git -c user.name=X commit',
      'git config user.email X',
      'git clone X dir',
      'git add config X',
    ],
    ...['git commit -m X', 'git log X', 'curl -o X -H X http://a', 'wget -O X http://a', 'zip a X'],
    ...['ssh -o ConnectTimeout=X host ls', 'systemd-run -p MemoryMax=X ls', 'docker exec c ls X'],
    ...['docker exec X ls', 'docker restart X', 'kubectl exec task -- ls X', 'scp X host:/tmp/a'],
    ...[
      'rsync -s a host:X',
      'rsync -a X host:/tmp',
      'perl script.pl X',
      'ansible -i hosts X -m ping',
    ],
    ...['tar -czf X -C X a', 'openssl x509 -in X', 'nmap -p X a', 'find . -newer X', 'less X'],
    ...['strace -o /tmp/X ls', 'mysqldump -u X a', 'at X', 'sort X', 'salt X test.ping'],
    ...['apt-get install jq X', 'systemctl restart X', 'flock /tmp/l echo X', 'perl -e print X'],
  ])('%s is data', (line) => {
    expect(openProgramText(argv(line))).toBeUndefined();
  });

  test.each(['PATH', 'LD_PRELOAD', 'BASH_ENV', 'NODE_OPTIONS', 'GIT_SSH_COMMAND', 'PYTHONPATH'])(
    'the variable %s is not decided by a value',
    (name) => {
      expect(openVariable({ [name]: x })).toEqual(expect.stringContaining(name));
      expect(openVariable({ [name]: 'fixed', JOB: x })).toBeUndefined();
    },
  );

  const open = 'command: [sh, -c, "${inputs.x}"]';
  const fine = 'command: [echo, "${inputs.x}"]';
  test.each([
    ['the step', `${open}, effect: change, undo: { none: it stays }`],
    ['its undo', `${fine}, effect: change, undo: { ${open}, title: Take it back }`],
    ['what is waited for', `${open}, effect: read, until: out.exitCode == 1, timeout: 1m`],
    [
      'what verifies it',
      `${fine}, effect: change, undo: { none: it stays }, ` +
        `verify: { ${open}, until: out.exitCode == 1 }`,
    ],
  ])('a runbook with such a command is not read: %s', (_where, step) => {
    expect(mistakes(step)).toMatch(/sh would read a value as code/);
    expect(mistakes(step.replace(open, fine))).toBe('');
  });
});

describe('behind every option of every program that runs another one', () => {
  interface Case {
    name: string;
    line: string;
  }
  const cases = Object.entries(wrappers).flatMap(([name, wrapper]): Case[] => {
    const { before, skip, long = [], flags = [], chdir = [], clears = [] } = wrapper;
    const known = [...long].filter((option) => !wrapper.splits?.includes(option));
    const options = [
      ...['', '--', ...flags],
      ...clears.map((option) => (option === 'i' ? '-i' : option)),
      ...[...skip].flatMap((letter) => [`-${letter} a`, `-${letter}a`, `-${letter}${letter}`]),
      ...known.flatMap((option) => [`${option} a`, `${option}=a`]),
      ...chdir.map((option) => (option.startsWith('--') ? `${option}=a` : `-${option} a`)),
      ...(wrapper.assigns ? ['A=b', 'A.b=c d=e'] : []),
    ];
    const plain = Array.from({ length: before }, () => '0');
    return options.map((option) => ({
      name,
      line: [name, option, ...plain].filter((word) => word !== '').join(' '),
    }));
  });

  test('code and names of programs are refused, and what is data is not', () => {
    // Here a value stands by itself only.
    const argv = (line: string) => line.split(' ').map((word): Json => (word === 'X' ? x : word));
    const wrong = cases.flatMap(({ line }) => [
      ...[`${line} sh -c X`, `${line} X`, `${line} python3 -c X`].filter(
        (each) => openProgramText(argv(each)) === undefined,
      ),
      ...[`${line} ls X`].filter((each) => openProgramText(argv(each)) !== undefined),
    ]);
    process.stderr.write(`${cases.length} forms of options; misread: ${wrong.length}\n`);
    expect(cases.length).toBeGreaterThan(300);
    expect(wrong).toEqual([]);
  });

  test('as many of them as one likes hold nobody up', () => {
    const line = `sudo ${Array.from({ length: 200 }, (_, at) => `--none-${at}`).join(' ')}`;
    const began = performance.now();
    expect(openProgramText(argv(`${line} sh -c X`))?.why).toMatch(/sh would read a value as code/);
    expect(openProgramText(argv(`${line} ls a X`))).toBeUndefined();
    process.stderr.write(`200 options: ${(performance.now() - began).toFixed(1)} ms\n`);
  });

  test('the program is covered by the approval', () => {
    const missing = cases.filter(({ line }) => {
      const words = `${line} /opt/x y`.split(' ');
      return !programPlaces(words).some(({ at }) => words[at] === '/opt/x');
    });
    // Of these it is not a program of this host, or is not found in its folders.
    const elsewhere = new Set(missing.map(({ name }) => name));
    const ofThisHost = [...elsewhere].filter((name) => !name.includes(' '));
    expect(ofThisHost.sort()).toEqual([
      ...['busybox', 'chroot', 'command', 'exec', 'npx', 'nsenter', 'toybox', 'uvx'],
    ]);
  });
});

describe('a value never is an option', () => {
  test.each([
    ['rm X', ['-rf'], true],
    ['rm -- X', ['-rf'], false],
    ['rm X -- X', ['-rf', 'a'], true],
    ['rm X X', ['--', '-rf'], true],
    ['echo X', ['plain'], false],
    ['seq X', ['-5'], true],
    ['ssh X ls', ['-oProxyCommand=touch PWNED'], true],
    ['curl X', ['--config=x'], true],
    ['echo X', ['-'], true],
    ['find -- X', ['-delete'], true],
    ['find -- X', ['('], true],
    ['sudo find -- X', ['-delete'], true],
    ['vim -- X', ['+!id'], true],
    ['less X', ['+!id'], true],
    ['psql -o X', ['|id'], true],
    ['psql -oX', ['|id'], true],
    ['psql --output=X', ['|id'], true],
    ['psql -o X', ['out.txt'], false],
    ['rclone copy X a', [':sftp,ssh=id:'], true],
    ['rclone copy X a', ['remote:a'], false],
    ['mail -s hello X', ['|id'], true],
    ['find X -name a', ['logs'], false],
  ] as const)('%s with %j: refused %s', (line, values, refused) => {
    const template = argv(line);
    const { given = [], partly = [] } = valuePlaces(template);
    const left: string[] = [...values];
    const filled = template.map((word) => {
      if (typeof word === 'string') return word;
      return `${textOf(word)}${left.shift() ?? ''}`;
    });
    expect(unsafeValue(filled, given, partly) !== undefined).toBe(refused);
  });

  test('the arguments themselves are looked at once more, whatever the runbook was', () => {
    expect(unsafeValue(['sh', '-c', 'touch PWNED'], [2])).toMatch(/sh would read a value as code/);
    expect(unsafeValue(['sh', '-c', 'touch fine'], [])).toBeUndefined();
  });
});

/** Of a runbook with this step. */
function mistakes(step: string): string {
  const text = `
runbook: r
version: 1.0.0
title: R
type: MAINTENANCE
priority: LOW
owner: a
inputs: { x: { type: text, description: x, maxLength: 9 } }
steps:
  - { id: s, title: S, ${step} }
`;
  const found = lint(text, 'r.runbook.yaml', new Library());
  const wrong = found.filter(({ severity }) => severity === 'error');
  return wrong.map(({ message }) => message).join('\n');
}
