import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Engine } from '../helpers/engine.js';

/*
 * A runbook as its author writes it, run by real servers and a real worker.
 */

const runbook = `
runbook: rotate-journal
version: 1.0.0
title: Rotate a journal
type: MAINTENANCE
priority: LOW
owner: sre
inputs:
  journal: { type: text, maxLength: 400, description: The file, pattern: "[^-].*" }
  disk: { type: target, kind: disk, default: small, description: Where it is }
steps:
  - id: look
    title: See how long it is
    use: line-count
    with: { file: "\${inputs.journal}" }
  - id: probe
    title: Is there an older one
    script: echo seen; echo none >&2; exit 3
    effect: read
    onFailure: capture
  - id: told
    title: What the probe has found
    when: steps.probe.failed && steps.probe.error.type == "CommandFailed" && steps.probe.exitCode == 3
    command: echo \${steps.probe.stdout.trim()}
    effect: read
  - id: way
    title: Whether it is too long
    branch:
      - case: long
        when: steps.look.lines > inputs.disk.limit
        steps:
          - id: rotate
            title: Set it aside
            script: 'mv -- "$1" "$1.old" && : > "$1"'
            args: ["\${inputs.journal}"]
            effect: change
            approval: { by: sre, evidence: { lines: "\${steps.look.lines}", host: "\${inputs.disk.machine.host}" } }
            undo: { script: mv -- "$1.old" "$1", args: ["\${inputs.journal}"], title: Put it back }
      - case: short
        steps:
          - id: enough
            title: Nothing to do
            succeed: "\${steps.look.lines} lines are no more than \${inputs.disk.limit}"
  - id: gone
    title: It is empty
    command: test ! -s \${inputs.journal}
    effect: read
    until: out.exitCode == 0
    every: 1s
    timeout: 20s
verify:
  - id: kept
    title: Nothing was lost
    script: cat -- "$1.old"
    args: ["\${inputs.journal}"]
    effect: read
    parse: lines
    env: { HOST: "\${inputs.disk.machine.host}", LIMIT: "\${target.limit}" }
    target: disk
    expect: { condition: size(out.lines) == steps.look.lines && inputs.disk.?machine.name.orValue(\"\") == \"box\", message: lines were lost }
`;

const action = `
action: line-count
title: How long a file is
inputs:
  file: { type: text, maxLength: 400, description: The file, pattern: "[^-].*" }
script: 'printf "{\\"lines\\": %s}" "$(wc -l < "$1")"'
args: ["\${inputs.file}"]
effect: read
parse: json
outputs:
  lines: { type: integer, value: int(out.json.lines) }
`;

const kinds = `
kinds:
  host: { facts: { host: text } }
  disk: { facts: { limit: integer, machine: { type: target, kind: host, optional: true } } }
`;
const targets = `
targets:
  box: { kind: host, environment: test, isolated: true, facts: { host: db-1 } }
  small: { kind: disk, environment: test, isolated: true, facts: { limit: 2, machine: box } }
`;

const inTime = `
runbook: in-time
version: 1.0.0
title: In time
type: MAINTENANCE
priority: LOW
owner: sre
inputs:
  journal: { type: text, maxLength: 400, description: The file, pattern: "[^-].*" }
steps:
  - id: late
    title: Never
    when: now > run.startedAt + duration("1h")
    command: touch \${inputs.journal}.late
    effect: change
    undo: { none: it stays }
  - id: mark
    title: Mark it
    approval: { by: sre }
    command: touch \${inputs.journal}.mark
    effect: change
    undo: { command: "rm -f \${inputs.journal}.mark" }
    verify: { command: "test -e \${inputs.journal}.mark", expect: { exit: [0, 1] }, until: out.exitCode == 0, proves: true }
  - id: told
    title: Note when
    when: now < run.startedAt + duration("1h")
    command: tee -a \${inputs.journal}.times -- "\${inputs.journal}.\${now}"
    effect: change
    undo: { none: it stays }
    expect: now >= run.startedAt && daysUntil(string(run.startedAt)) <= 0
  - id: waited
    title: Wait a moment
    wait: { until: "\${now + duration('1s')}" }
  - id: last
    title: Go on
    command: echo done
    effect: read
`;

let engine: Engine;
let journal: string;
beforeAll(async () => {
  const library = {
    'rotate-journal.runbook.yaml': runbook,
    'in-time.runbook.yaml': inTime,
    'line-count.action.yaml': action,
    'kinds.yaml': kinds,
  };
  engine = await Engine.start({ targets, library });
  journal = engine.path('journal');
}, 60_000);
afterAll(() => engine?.stop());

async function start(lines: readonly string[]) {
  await writeFile(journal, lines.map((line) => `${line}\n`).join(''));
  const started = await engine.run('rotate-journal', { journal });
  return engine.client.workflow.getHandle(started.workflowId);
}

test('a branch, a gate on a step, data that a program prints, and what is verified', async () => {
  const run = await start(['a', 'b', 'c']);
  expect(await engine.waiting(run)).toMatchObject({
    ...{ id: 'way/long/approve_rotate', evidence: { lines: 3, host: 'db-1' } },
  });
  const decision = await engine.decision(run, { verb: 'approve' });
  expect(await engine.send(run, decision)).toMatchObject({ accepted: true });
  expect(await engine.ended(run)).toMatchObject({ state: 'succeeded' });
  expect(await readFile(journal, 'utf8')).toBe('');
  expect(await readFile(`${journal}.old`, 'utf8')).toBe('a\nb\nc\n');
}, 60_000);

test('the other case ends it well, and changes nothing', async () => {
  const run = await start(['a']);
  const view = await engine.ended(run);
  expect(view).toMatchObject({ state: 'succeeded' });
  expect(view.steps.find(({ id }) => id === 'way/short/enough')?.output).toBe(
    '1 lines are no more than 2',
  );
  expect(await readFile(journal, 'utf8')).toBe('a\n');
  // A failed probe was its answer, for the run and for the worker that looked at the record.
  const rows = Object.fromEntries(view.steps.map((step) => [step.id, step]));
  expect(rows['told']?.output).toMatchObject({ stdout: 'seen\n' });
  expect(rows['probe']).toMatchObject({
    ...{ state: 'succeeded', error: { type: 'CommandFailed' } },
    output: { stdout: 'seen\n', stderr: 'none\n', exitCode: 3, failed: true },
  });
}, 60_000);

test('what is proved to be done is not asked about, and the time is that of the run', async () => {
  const start = async () => {
    const started = await engine.run('in-time', { journal });
    return engine.client.workflow.getHandle(started.workflowId);
  };
  const first = await start();
  expect(await engine.waiting(first)).toMatchObject({ id: 'approve_mark' });
  await engine.send(first, await engine.decision(first, { verb: 'approve' }));
  const states = async (run: typeof first) => {
    const view = await engine.ended(run);
    return Object.fromEntries(view.steps.map(({ id, state }) => [id, state]));
  };
  const told = {
    proof_mark: 'succeeded',
    told: 'succeeded',
    late: 'not-needed',
    last: 'succeeded',
  };
  expect(await states(first)).toMatchObject({
    ...told,
    approve_mark: 'succeeded',
    mark: 'succeeded',
  });
  const second = await start();
  expect(await states(second)).toMatchObject({
    ...{ ...told, approve_mark: 'not-needed', mark: 'not-needed' },
  });
}, 60_000);
