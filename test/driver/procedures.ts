import { CancellationScope, continueAsNew, sleep, workflowInfo } from '@temporalio/workflow';
import { GateRejected, ProcedureStopped } from '../../workflows/engine/outcome.js';
import { runbook } from '../../workflows/engine/runbook.js';
import type { GateQuestion } from '../../workflows/engine/gates.js';
import type { Work } from '../../workflows/engine/attempts.js';
import type { ListedWorks } from '../../common/listed.js';
import { inside } from '../../workflows/engine/listed.js';
import type { Run } from '../../workflows/engine/surface.js';
import { later } from '../../language/reference.js';
import type { CommandAction } from '../../language/kinds/command.js';
import {
  askingSpec,
  faultySpec,
  heldSpec,
  listingSpec,
  nestedSpec,
  otherwiseSpec,
  recoverySpec,
  sectionsSpec,
  sleepySpec,
  stubbornSpec,
  tourSpec,
} from './specs.js';

/*
 * Procedures as code, for what plans as data cannot ask of the engine, or not so.
 */

const command = (...argv: string[]): Work => ({ action: { kind: 'command', argv } });

const tour = runbook(tourSpec, async (run) => {
  const chosen = run.decide(
    'choose',
    () => `${run.target('service').name}, ${run.target('other').name}`,
  );
  await run.parallel('both', { left: command('left'), right: command('right') });
  const each = await run.forEach('each', ['a', 'b'], (item) => command('look', item));
  await run.step('work', (key) => ({
    ...command('work', key),
    undo: { kind: 'command', argv: ['undo'] },
    timeoutMs: 5_000,
  }));
  await run.step('work', (key) => command('work', key));
  run.notNeeded('spare', 'there is nothing to do');
  await run.attemptStep('tell', command('tell'));
  const hand = await run.manual('hand', 'Look at it.');
  run.setOutputs({ chosen, each, hand });
});

function asks(actions: ListedWorks): GateQuestion {
  return { evidence: {}, actions };
}

const faults: Record<string, (run: Run) => unknown> = {
  'a target that no input chose': (run) => run.target('service'),
  'a step that is not declared': (run) => run.step('other', command('x')),
  'a part that is not declared': (run) => run.parallel('both', { left: command('x') }),
  'a loop without a part': (run) => run.forEach('each', ['a'], () => command('x')),
  'a loop over a name that is read as another part': (run) =>
    run.forEach('each', ['a.undo'], () => command('x')),
  'a decision that finds no way': (run) =>
    run.decide('choose', () => {
      throw new ProcedureStopped('there is no way', 'Look for one.');
    }),
  'a step of another kind than it declares': (run) =>
    run.step('look', { action: { kind: 'notify', text: 'x' } }),
  'a step behind its gate': (run) => run.step('work', command('x')),
  'a step behind a gate that it called not needed': (run) => {
    run.notNeeded('gate', 'nobody has to look');
    return run.step('work', command('x'));
  },
  'a step by hand behind its gate': (run) => run.manual('hand', 'Turn it.'),
  'a step behind a gate that was rejected': async (run) => {
    await run.gate('gate', asks({ work: [command('x')] })).catch(() => undefined);
    await run.step('work', command('x'));
  },
  'a second step behind a gate that was rejected when it asked again': async (run) => {
    await run.gate('gate', asks({ work: [command('x')] }));
    await run.step('work', command('x')).catch((error: unknown) => {
      if (!(error instanceof GateRejected)) throw error;
    });
    await run.step('work', command('x'));
  },
  'a decision that finds no way behind a change': async (run) => {
    await run.step('look', { ...command('x'), undo: { kind: 'command', argv: ['undo'] } });
    run.decide('choose', () => {
      throw new ProcedureStopped('there is no way', 'Look for one.');
    });
  },
  'an output of which a part was left out': async (run) => {
    const { stdout } = await run.step<{ stdout: string }>('look', command('x'));
    run.decide('choose', () => stdout.length);
  },
  'a gate that is not declared': (run) => run.gate('other', asks({})),
  'a bug in a decision': (run) =>
    run.decide('choose', () => {
      throw new TypeError('a bug');
    }),
  'an argument that no payload can hold': (run) =>
    run.step('look', command(1n as unknown as string)),
  'a bug in what it is not to fail for': (run) =>
    run.attemptStep('look', command(1n as unknown as string)),
};

const faulty = runbook(
  faultySpec,
  async (run) => {
    await faults[run.inputs['fault'] as string]?.(run);
  },
  () => 'rollback',
);

const otherwise = runbook(otherwiseSpec, async (run) => {
  try {
    await run.gate('gate', {
      evidence: { rows: [1, 2], execution: workflowInfo().runId },
      actions: { approved: [command('approved')] },
    });
  } catch (error) {
    if (!(error instanceof GateRejected)) throw error;
    await run.step('first', command('first'));
    await run.step('second', command('second'));
    return;
  }
  await run.step('approved', command('approved'));
});

const nested = runbook(nestedSpec, async (run) => {
  await run.nested('deploy', async (part) => {
    const chosen = part.decide('choose', () => 'a');
    if (run.inputs['fault'] === 'undeclared') await part.step('other', command('x'));
    if (run.inputs['fault'] !== 'no gate')
      await part.gate('gate', {
        evidence: { chosen },
        actions: {
          work: [command('work'), command('again')],
          ...inside('both', { left: command('left'), right: command('right') }),
          ...inside('inner', { work: command('inner') }),
        },
      });
    await part.step('work', command('work'));
    await part.parallel('both', { left: command('left'), right: command('right') });
    part.notNeeded('spare', 'there is nothing to do');
    const inner = await part.nested('inner', (within) => within.step('work', command('inner')));
    await part.step('work', command('again'));
    run.setOutputs({ inner });
  });
});

const recovery = runbook(recoverySpec, async (run) => {
  const fault = run.inputs['fault'];
  const on = (target: string | undefined, ...argv: string[]): CommandAction => ({
    kind: 'command',
    argv,
    ...(target === undefined ? {} : { target }),
  });
  const { name } = run.target('service');
  await run.step('look', { action: on(run.target('source').name, 'look') });
  const make = {
    action: on(name, 'make'),
    undo: on(fault === 'undo elsewhere' ? 'live' : name, 'remove'),
  };
  const probe = on('live', 'x');
  const lookElsewhere: Work = {
    action: { kind: 'check', probe, until: { cel: 'out.exitCode == 0' }, everyMs: 10 },
  };
  const asked = await run.gate('gate', {
    ...asks({
      make: [make],
      point: [{ action: on(name, 'point') }],
      elsewhere: [{ action: on('live', 'x') }, { action: on(undefined, 'x') }],
      'elsewhere-too': [lookElsewhere],
    }),
    confirm: name,
  });
  if (fault === 'no gate') await run.gate('nowhere', asks({}));
  await run.step('make', make);
  await run.step('point', { action: on(name, 'point') });
  if (fault === 'by hand') await run.manual('hand', 'Turn it.');
  if (fault === 'elsewhere') await run.step('elsewhere', { action: on('live', 'x') });
  if (fault === 'nowhere') await run.step('elsewhere', { action: on(undefined, 'x') });
  if (fault === 'check elsewhere') await run.step('elsewhere-too', lookElsewhere);
  const { startedAt } = run.view;
  run.recovered({ failedAt: startedAt, recoveredTo: startedAt, healthyAt: startedAt });
  run.setOutputs({ asked: asked === null ? null : asked.by });
});

const question = (look: number): GateQuestion => ({
  evidence: { look },
  actions: { work: [command('work')] },
});
const asking: Record<string, (run: Run) => Promise<unknown>> = {
  'the same thing twice': async (run) => {
    await run.gate('gate', question(1));
    return run.gate('gate', question(1));
  },
  'only in its first execution': async (run) => {
    if (workflowInfo().continuedFromExecutionRunId === undefined)
      await run.gate('gate', question(1));
    await sleep(60_000);
  },
  'a minute after a change': async (run) => {
    await run.step('first', { ...command('first'), undo: { kind: 'command', argv: ['undo'] } });
    await sleep(60_000);
    return run.gate('gate', question(1));
  },
  'and goes on when it is rejected': async (run) => {
    await sleep(60_000);
    await run.gate('gate', question(1)).catch(() => undefined);
    await sleep(60_000);
  },
  'with a name to type': async (run) => {
    await sleep(60_000);
    return run.gate('gate', { ...question(1), confirm: 'web' });
  },
  'anew after a minute': async (run) => {
    const asked = CancellationScope.withTimeout(60_000, () => run.gate('gate', question(1)));
    await asked.catch(() => run.gate('gate', question(2)));
  },
};

const gates = runbook(askingSpec, async (run) => {
  await asking[run.inputs['way'] as string]?.(run);
  await run.step('work', command('work'));
});

/** Does what its gate has listed, but for the fault that its input names. */
const listing = runbook(listingSpec, async (run) => {
  const fault = run.inputs['fault'];
  const work = (word: string, back = word): Work => ({
    ...command('work', word),
    undo: { kind: 'command', argv: ['undo', back] },
  });
  await run.gate(
    'gate',
    asks({
      work: [work('one'), { ...work(later('what comes later')), after: 1 }],
      ...inside('both', {
        left: command('left'),
        right: fault === 'a part that was not listed' ? null : command('right'),
      }),
    }),
  );
  const first: Record<string, Work> = {
    'an argument': work('two', 'one'),
    'its undo': work('one', 'two'),
    'no undo': command('work', 'one'),
    'what only a later time may do': work('later'),
  };
  await run.step('work', first[fault as string] ?? work('one'));
  await run.step('work', work('later'));
  await run.parallel('both', {
    left: command(fault === 'both parts' ? 'others' : 'left'),
    right: command(fault === 'both parts' || fault === 'a part' ? 'other' : 'right'),
  });
  if (fault === 'a step that was not listed') await run.step('tell', command('tell'));
  await run.manual('hand', 'Turn it.');
});

/** As Temporal itself starts a workflow once more, under a name that is not its runbook's. */
async function again(argument: unknown): Promise<unknown> {
  if (workflowInfo().continuedFromExecutionRunId === undefined) await continueAsNew(argument);
  return gates(argument);
}

const sections = runbook(sectionsSpec, async (run) => {
  run.notNeeded(['other', 'group/two'], 'not here');
  await run.within('group', 'here').step('one', command('one'));
  await run.within('group').step('one', command('one'));
  run.setOutputs({ given: run.given, parts: run.partsOf('group') });
});

const sleepy = runbook(sleepySpec, async (run) => {
  await sleep(60_000);
  await run.gate('gate', asks({ work: [command('work')] }));
  await sleep(60_000);
  await run.step('work', command('work'));
});

const stubborn = runbook(stubbornSpec, async (run) => {
  await run.step('work', { ...command('work'), undo: { kind: 'command', argv: ['undo'] } });
  await CancellationScope.nonCancellable(() => sleep(60_000));
  await run.step('work', command('work'));
});

const held = runbook(heldSpec, async (run) => {
  await run.step('begin', command('begin'));
  await run.step('begin', command('begin'));
  await run.step('hold', {
    ...command('hold'),
    undo: { kind: 'command', argv: ['stop'] },
    undoesToo: 'begin',
  });
  await run.manual('hand', 'Look at it.');
});

export {
  tour as 'code-tour',
  faulty as 'code-faulty',
  otherwise as 'code-otherwise',
  nested as 'code-nested',
  sleepy as 'code-sleepy',
  recovery as 'code-recovery',
  sections as 'code-sections',
  stubborn as 'code-stubborn',
  held as 'code-held',
  gates as 'code-asking',
  listing as 'code-listing',
  again as 'code-again',
};
