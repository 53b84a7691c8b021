/**
 * The environment of every test file. It stretches the time that a test or a hook may take by how
 * slow this machine is, and ends what a file has left running, so that one file never disturbs the
 * next.
 */
import { appendFileSync } from 'node:fs';
import { TestEnvironment } from 'jest-environment-node';
import { stretched } from '../dist/embedded/pace.js';
import { leakedProcesses } from '../scripts/lib/leaks.mjs';

const variable = 'RUNBOOK_TEST_FILE';

export default class extends TestEnvironment {
  #stretched = new WeakSet();
  #mark;

  constructor(config, context) {
    super(config, context);
    const mark = `${process.env.RUNBOOK_TEST_RUN ?? process.pid}:${context.testPath}`;
    this.#mark = `${variable}=${mark}`;
    // What the file starts inherits one of them: the sandbox has a copy of the environment.
    process.env[variable] = mark;
    this.global.process.env[variable] = mark;
  }

  async teardown() {
    await super.teardown();
    const { RUNBOOK_TEST_LEAKS: file } = process.env;
    if (!file) return;
    for (const line of await leakedProcesses([this.#mark])) appendFileSync(file, `${line}\n`);
  }

  handleTestEvent(event, state) {
    if (event.name === 'test_fn_start') this.#stretch(event.test, state);
    if (event.name === 'hook_start') this.#stretch(event.hook, state);
  }

  /** Hooks come again with each test: they are stretched once. */
  #stretch(timed, { testTimeout }) {
    if (this.#stretched.has(timed)) return;
    this.#stretched.add(timed);
    timed.timeout = stretched(timed.timeout ?? testTimeout);
  }
}
