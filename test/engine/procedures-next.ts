import { runbook } from '../../workflows/engine/runbook.js';
import { deskSpec } from './specs.js';

/*
 * The procedures of the next release: one was changed where runs of the release before have already
 * been.
 */

export * from './procedures.js';

const desk = runbook(deskSpec, async (run) => {
  await run.step('second', { action: { kind: 'command', argv: ['/usr/bin/true'] } });
});

export { desk as 'test-desk' };
