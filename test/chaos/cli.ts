import { PassThrough } from 'node:stream';
import { runDecide, type DecideOptions } from '../../client/commands/approve.js';
import { runStart, type StartOptions } from '../../client/commands/start.js';
import { CliError } from '../../client/errors.js';
import type { Io } from '../../client/io.js';
import type { Engine } from '../helpers/engine.js';

export interface CliAnswer {
  code: number;
  /** What it printed, or the error that it told. */
  text: string;
}

/** The command line's own code, many calls in one process, each with connections of its own. */
export class Cli {
  constructor(private readonly engine: Engine) {}

  start(options: Omit<StartOptions, 'output'>): Promise<CliAnswer> {
    return this.call((io) => runStart({ ...options, yes: true, output: 'json' }, io));
  }

  decide(options: Omit<DecideOptions, 'output'>): Promise<CliAnswer> {
    return this.call((io) => runDecide({ ...options, yes: true, output: 'json' }, io));
  }

  private async call(run: (io: Io) => Promise<number>): Promise<CliAnswer> {
    const out = new PassThrough();
    let text = '';
    out.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    const io: Io = {
      stdout: out,
      stderr: new PassThrough().resume(),
      stdin: new PassThrough(),
      env: {
        PATH: process.env['PATH'],
        TEMPORAL_ADDRESS: this.engine.address,
        RUNBOOK_TASK_QUEUE: this.engine.taskQueue,
        RUNBOOK_DATABASE_URL: this.engine.databaseUrl,
        RUNBOOK_COMMAND: 'runbook',
        RUNBOOK_UI_URL: 'http://ui.example/',
        RUNBOOK_HOME: this.engine.folder,
        HOME: this.engine.folder,
      },
      isTTY: false,
      canAsk: false,
      columns: 80,
      exitCode: 0,
      interrupted: () => new AbortController().signal,
    };
    try {
      return { code: await run(io), text };
    } catch (error) {
      if (!(error instanceof CliError)) throw error;
      return { code: error.exitCode, text: error.message };
    }
  }
}
