import { ActivityCancellationType, proxyActivities } from '@temporalio/workflow';
import { runbook } from '../../workflows/engine/runbook.js';
import type { Work } from '../../workflows/engine/attempts.js';
import type { Run } from '../../workflows/engine/surface.js';
import {
  buggySpec,
  callSpec,
  commandsSpec,
  deadlineSpec,
  deskSpec,
  effectsSpec,
  gatedSpec,
  gateSkipperSpec,
  longSpec,
  leaselessSpec,
  leaseSpec,
  hostSpec,
  parallelSpec,
  patientSpec,
  readerSpec,
  triesSpec,
} from './specs.js';

/*
 * Small procedures that lead the engine into every corner. Commands come as JSON argv in the
 * inputs.
 */

export { launch } from '../../workflows/launch.js';

function command(argv: unknown): Work {
  return { action: { kind: 'command', argv: JSON.parse(String(argv)) as string[] } };
}

/**
 * Appends a line to the test's own journal, so that effects can be counted outside of everything we
 * trust.
 */
function line(journal: unknown, text: string): Work['action'] {
  return {
    kind: 'command',
    argv: ['/bin/sh', '-c', 'echo "$1" >> "$2"', 'sh', text, String(journal)],
  };
}

const commands = runbook(commandsSpec, async (run) => {
  await run.step('first', command(run.inputs['first']));
  const second = await run.step('second', command(run.inputs['second']));
  run.setOutputs({ second });
});

const host = runbook(hostSpec, async (run) => {
  await run.step('work', {
    action: {
      kind: 'command',
      argv: JSON.parse(run.inputs['work'] as string) as string[],
      idempotent: run.inputs['idempotent'] === true,
    },
  });
});

const desk = runbook(deskSpec, async (run) => {
  await run.step('first', {
    ...command(run.inputs['first']),
    undo: line(run.inputs['journal'], 'undo first'),
  });
  const second = await run.step<{ stdout: string }>('second', command(run.inputs['second']));
  run.setOutputs({ second: second.stdout });
});

const long = runbook(longSpec, async (run) => {
  const { rounds, journal } = run.inputs;
  for (let round = 1; round <= Number(rounds); round += 1) {
    await run.step('count', {
      action: line(journal, String(round)),
      undo: line(journal, `undo ${round}`),
    });
  }
  await run.gate('gate', { evidence: {}, actions: {} });
});

const effects = runbook(effectsSpec, async (run) => {
  const { rounds, journal } = run.inputs;
  for (let round = 1; round <= Number(rounds); round += 1) {
    const id = `${run.id} ${round}`;
    await run.step('command', {
      action: {
        kind: 'command',
        argv: ['/bin/sh', '-c', 'sleep 0.1; echo "$1" >> "$2"', 'sh', id, journal as string],
      },
    });
    await run.step('sql', {
      action: {
        kind: 'sql',
        target: 'database',
        statements: [{ text: 'INSERT INTO effects (id) VALUES ($1)', values: [id] }],
      },
    });
    await run.step('http', {
      action: {
        kind: 'http',
        target: 'service',
        method: 'POST',
        path: '/effects',
        json: { id },
        idempotencyKey: true,
      },
    });
  }
});

/** The same lines by plain Temporal activities, to show what the count can find. */
export async function bareEffects(rounds: number, run: string, journal: string): Promise<void> {
  const { append } = proxyActivities<{ append(id: string, journal: string): Promise<void> }>({
    startToCloseTimeout: '10s',
    heartbeatTimeout: '2s',
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: { initialInterval: '50ms', backoffCoefficient: 1 },
  });
  for (let round = 1; round <= rounds; round += 1) await append(`${run} ${round}`, journal);
}

const gated = runbook(
  gatedSpec,
  async (run) => {
    const { journal } = run.inputs;
    if (run.inputs['first_change'] === true) {
      await run.step('before', {
        action: line(journal, 'before'),
        undo: line(journal, 'undo before'),
      });
    }
    const after = { action: line(journal, 'after'), undo: line(journal, 'undo after') };
    const last = command(run.inputs['last']);
    await run.gate('gate', {
      evidence: { question: 'go on?' },
      actions: { after: [after], last: [last] },
    });
    await run.step('after', after);
    await run.step('last', last);
  },
  () => 'rollback',
);

const gateSkipper = runbook(gateSkipperSpec, async (run) => {
  await run.step('after', { action: line(run.inputs['journal'], 'after') });
});

const deadline = runbook(deadlineSpec, async (run) => {
  await run.gate('gate', { evidence: {}, actions: {} });
});

const patient = runbook(patientSpec, async (run) => {
  const { journal } = run.inputs;
  await run.step('before', { action: line(journal, 'before') });
  const after = { action: line(journal, 'after') };
  await run.gate('gate', { evidence: { question: 'go on?' }, actions: { after: [after] } });
  await run.step('after', after);
});

const parallel = runbook(parallelSpec, async (run) => {
  await run.parallel('all', { a: command(run.inputs['a']), b: command(run.inputs['b']) });
});

const call = runbook(callSpec, async (run) => {
  const output = await run.step('http', {
    action: {
      kind: 'http',
      target: run.inputs['target'] as string,
      method: 'GET',
      path: run.inputs['path'] as string,
    },
  });
  run.setOutputs({ output });
});

async function twoChanges(run: Run): Promise<void> {
  await run.step('first', {
    ...command(run.inputs['first']),
    undo: line(run.inputs['journal'], 'undo first'),
  });
  await run.step('second', command(run.inputs['second']));
}

const lease = runbook(leaseSpec, twoChanges);

const leaseless = runbook(leaselessSpec, twoChanges);

const reader = runbook(readerSpec, async (run) => {
  await run.step('first', command(run.inputs['first']));
  await run.step('second', command(run.inputs['second']));
  await run.step('tell', { action: { kind: 'notify', text: 'looked' } });
});

/** A line in the journal, and a failure. */
function lineThenFail(journal: unknown, text: string): Work {
  const script = 'echo "$1" >> "$2"; exit 1';
  return {
    action: { kind: 'command', argv: ['/bin/sh', '-c', script, 'sh', text, String(journal)] },
  };
}

const tries = runbook(triesSpec, async (run) => {
  const { journal } = run.inputs;
  const target = run.inputs['target'] as string;
  const post = (path: string): Work => ({ action: { kind: 'http', target, method: 'POST', path } });
  for (const id of ['change', 'said', 'read']) await run.attemptStep(id, lineThenFail(journal, id));
  await run.attemptStep('again', post('/again'));
  await run.attemptStep('gateway', post('/gateway'));
  await run.attemptStep('verified', {
    ...post('/act'),
    verify: {
      kind: 'check',
      probe: { kind: 'http', target, method: 'GET', path: '/nothing' },
      until: { cel: 'out.status == 201' },
      everyMs: 50,
    },
  });
});

const buggy = runbook(buggySpec, async (run) => {
  await run.step('first', command(run.inputs['first']));
  throw new TypeError('a fault in the workflow code');
});

export {
  buggy as 'test-buggy',
  commands as 'test-commands',
  desk as 'test-desk',
  effects as 'test-effects',
  long as 'test-long',
  gated as 'test-gated',
  gateSkipper as 'test-gate-skipper',
  deadline as 'test-deadline',
  patient as 'test-patient',
  parallel as 'test-parallel',
  call as 'test-call',
  lease as 'test-lease',
  leaseless as 'test-leaseless',
  reader as 'test-reader',
  tries as 'test-tries',
  host as 'test-host',
};
