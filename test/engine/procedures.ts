import { runbook } from '../../workflows/engine/runbook.js';
import type { Work } from '../../workflows/engine/run.js';
import { callSpec, commandsSpec, deadlineSpec, deskSpec, gatedSpec, gateSkipperSpec, parallelSpec } from './specs.js';

/*
 * Small procedures that lead the engine into every corner. Commands come as JSON argv in the inputs.
 */

export { launch } from '../../workflows/launch.js';

function command(argv: unknown): Work {
  return { action: { kind: 'command', argv: JSON.parse(String(argv)) as string[] } };
}

/** Appends a line to the test's own journal, so that effects can be counted outside of everything we trust. */
function line(journal: unknown, text: string): Work['action'] {
  return { kind: 'command', argv: ['/bin/sh', '-c', 'echo "$1" >> "$2"', 'sh', text, String(journal)] };
}

const commands = runbook(commandsSpec, async (run) => {
  await run.step('first', command(run.inputs['first']));
  const second = await run.step('second', command(run.inputs['second']));
  run.setOutputs({ second });
});

const desk = runbook(deskSpec, async (run) => {
  await run.step('first', { ...command(run.inputs['first']), undo: line(run.inputs['journal'], 'undo first') });
  const second = await run.step<{ stdout: string }>('second', command(run.inputs['second']));
  run.setOutputs({ second: second.stdout });
});

const gated = runbook(
  gatedSpec,
  async (run) => {
    const { journal } = run.inputs;
    if (run.inputs['first_change'] === true) {
      await run.step('before', { action: line(journal, 'before'), undo: line(journal, 'undo before') });
    }
    await run.gate('gate', { evidence: { question: 'go on?' }, covers: { after: 'writes a line' } });
    await run.step('after', { action: line(journal, 'after'), undo: line(journal, 'undo after') });
    await run.step('last', command(run.inputs['last']));
  },
  () => 'rollback',
);

const gateSkipper = runbook(gateSkipperSpec, async (run) => {
  await run.step('after', { action: line(run.inputs['journal'], 'after') });
});

const deadline = runbook(deadlineSpec, async (run) => {
  await run.gate('gate', { evidence: {}, covers: {} });
});

const parallel = runbook(parallelSpec, async (run) => {
  await run.parallel('all', { a: command(run.inputs['a']), b: command(run.inputs['b']) });
});

const call = runbook(callSpec, async (run) => {
  const output = await run.step('http', {
    action: { kind: 'http', target: run.inputs['target'] as string, method: 'GET', path: run.inputs['path'] as string },
  });
  run.setOutputs({ output });
});

export {
  commands as 'test-commands',
  desk as 'test-desk',
  gated as 'test-gated',
  gateSkipper as 'test-gate-skipper',
  deadline as 'test-deadline',
  parallel as 'test-parallel',
  call as 'test-call',
};
