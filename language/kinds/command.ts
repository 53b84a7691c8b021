import type { ActionRules } from './rules.js';
import { atTarget, onHost, word } from './words.js';

/** A secret by name; workers hold the value. */
interface SecretRef {
  secret: string;
}

/** Answers of programs of sites, deployers and pipelines; common/answers.ts has their fields. */
export type AnswerName =
  | 'site-look'
  | 'site-backups'
  | 'site-drained'
  | 'site-restored'
  | 'site-files'
  | 'deployer-artefact'
  | 'deployer-running'
  | 'deployer-backup'
  | 'deployer-started'
  | 'deployer-version'
  | 'pipeline-jobs'
  | 'pipeline-job'
  | 'pipeline-started';

/** How the whole of what a program prints is read as data. */
export type OutputForm = 'json' | 'jsonl' | 'lines' | 'table' | 'pairs';

export interface CommandAction {
  kind: 'command';
  /** Program and arguments; never a shell line. */
  argv: readonly string[];
  /**
   * Places of the arguments that begin with a value of inputs or outputs: data, never an option or
   * code.
   */
  given?: readonly number[];
  /** Places of the arguments in which a value stands behind text of the runbook: never code. */
  partly?: readonly number[];
  env?: Readonly<Record<string, string | SecretRef>>;
  /** The target that the command acts on; secrets in `env` must be allowed for it. */
  target?: string;
  /** The credentials of the target that the program gets in its environment; absent: none. */
  credentials?: string;
  /** The host that it runs on, by its name; absent: any. */
  runsOn?: string;
  cwd?: string;
  /** Files beside the runbook: it runs in a folder that holds them. */
  files?: readonly string[];
  /** Exit codes that count as success (default 0). */
  exitCodes?: readonly number[];
  /**
   * Its last line is an answer for code: the worker reads it whole, checks it, and returns it as
   * `answer` of the output. Required when the program ends with 0; otherwise null.
   */
  answer?: AnswerName;
  /**
   * What the program prints is data: the worker reads it whole, and adds `json`, `lines`, `table`
   * or `pairs` to the output.
   */
  parse?: OutputForm;
  /** The command is idempotent: when its host is gone, it runs again on another. */
  idempotent?: boolean;
  /**
   * An earlier step of the run installs or changes the program: the approval does not cover its
   * content.
   */
  programMayChange?: boolean;
}

export const command: ActionRules<CommandAction> = {
  doneBy: 'activity',
  runsPrograms: true,
  isRepeatable: ({ idempotent }) => idempotent === true,
  describe: ({ argv, cwd, files, target, credentials, runsOn, programMayChange }) => {
    const folder = files === undefined ? cwd : `a folder with ${files.join(', ')}`;
    const inFolder = folder === undefined ? '' : ` in ${folder}`;
    const where = `${inFolder}${atTarget(target, credentials)}${onHost(runsOn)}`;
    const free = programMayChange ? ', whatever the program holds by then' : '';
    return `run ${argv.map(word).join(' ')}${where}${free}`;
  },
};
