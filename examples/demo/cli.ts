import { join } from 'node:path';
import { execa } from 'execa';
import { programFolder } from '../../worker/config.js';
import { shownWidth } from './say.js';

const entry = join(programFolder, 'client', 'main.js');

export interface CliResult {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** The real command line as one operator: every call is a process of its own, as on a terminal. */
export class Operator {
  constructor(
    readonly name: string,
    private readonly env: Record<string, string>,
  ) {}

  /** Runs `runbook …` and returns what it printed, whatever its exit code. */
  async run(...args: string[]): Promise<CliResult> {
    const { exitCode, stdout, stderr } = await execa(process.execPath, [entry, ...args], {
      env: {
        ...{ ...this.env, RUNBOOK_OPERATOR: this.name, NO_COLOR: '1' },
        // What is shown of it is indented, on a terminal that the process does not see.
        ...(Number.isFinite(shownWidth()) ? { RUNBOOK_COLUMNS: String(shownWidth()) } : {}),
      },
      reject: false,
      stdin: 'ignore',
    });
    return { exitCode: exitCode ?? 1, stdout, stderr };
  }

  /**
   * As `run`, with its output read as JSON.
   * @throws Error with what it printed when the exit code is none of `codes`
   */
  async json<T>(codes: readonly number[], ...args: string[]): Promise<T> {
    const result = await this.run(...args, '--output', 'json');
    if (!codes.includes(result.exitCode))
      throw new Error(
        `runbook ${args.join(' ')} exited ${result.exitCode}: ${result.stderr || result.stdout}`,
      );
    return JSON.parse(result.stdout) as T;
  }
}
