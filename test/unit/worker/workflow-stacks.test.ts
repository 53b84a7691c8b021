import { expect, test } from '@jest/globals';
import { setFlagsFromString } from 'node:v8';
import { createContext, runInContext } from 'node:vm';
import { shortenWorkflowStacks } from '../../../worker/workflow-stacks.js';

test('sandboxes made from now on keep four frames of a stack; whoever made them keeps what it had', () => {
  const own = Error.stackTraceLimit;
  const limit = (): unknown => runInContext('Error.stackTraceLimit', createContext({}));
  // V8's own; another test of this process may have called it before.
  setFlagsFromString('--stack-trace-limit=10');
  expect(limit()).toBe(10);
  shortenWorkflowStacks();
  expect(limit()).toBe(4);
  expect(Error.stackTraceLimit).toBe(own);
});
