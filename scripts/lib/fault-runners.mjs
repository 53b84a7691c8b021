import { fork } from 'node:child_process';
import { join } from 'node:path';

const running = new Set();

/** A process that runs tests with faults; one that hangs is ended, which finds the fault too. */
export class Runner {
  /**
   * @param {string} folder program with the faults
   * @param {string} seeds how many random plans
   */
  static async start(folder, seeds) {
    const child = fork(join(import.meta.dirname, 'fault-runner.mjs'), {
      env: { ...process.env, RUNBOOK_MEASURED: folder, RUNBOOK_MODEL_SEEDS: seeds },
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    running.add(child);
    const runner = new Runner(child);
    await runner.answer(() => 60_000);
    return runner;
  }

  static endAll() {
    for (const child of running) child.kill('SIGKILL');
  }

  constructor(child) {
    this.child = child;
  }

  /** @param {(test: string) => number} limit milliseconds that a test may take */
  ask(asked, limit) {
    this.child.send(asked);
    return this.answer(limit);
  }

  answer(limit) {
    return new Promise((done) => {
      let begun = 'it';
      let timer = setTimeout(hangs, limit(begun), this);
      const { child } = this;
      const hear = (message) => {
        clearTimeout(timer);
        if (message.begins === undefined) return finish(message);
        begun = message.begins;
        timer = setTimeout(hangs, limit(begun));
      };
      const dies = () => finish({ killedBy: begun, hangs: true, ended: true });
      child.on('message', hear);
      child.once('exit', dies);

      function hangs() {
        child.kill('SIGKILL');
      }
      function finish(answer) {
        clearTimeout(timer);
        child.off('message', hear);
        child.off('exit', dies);
        if (answer.ended) running.delete(child);
        done(answer);
      }
    });
  }

  stop() {
    running.delete(this.child);
    this.child.kill();
  }
}
