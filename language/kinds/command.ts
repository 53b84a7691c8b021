import type { ActionRules } from './rules.js';
import { atTarget, word } from './words.js';

/** A secret by name; workers hold the value. */
interface SecretRef {
  secret: string;
}

/** What programs of sites and deployers answer; common/answers.ts says what each of them holds. */
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
  | 'deployer-version';

export interface CommandAction {
  kind: 'command';
  /** Program and arguments; never a shell line. */
  argv: readonly string[];
  /**
   * Places of the arguments that inputs or outputs decided: data only, never an option, never code.
   */
  given?: readonly number[];
  env?: Readonly<Record<string, string | SecretRef>>;
  /** The target that the command acts on; secrets in `env` must be allowed for it. */
  target?: string;
  cwd?: string;
  /** Exit codes that count as success; 0 unless said. */
  exitCodes?: readonly number[];
  /**
   * Its last line is an answer that code reads: read whole on the worker, checked, and given as
   * `answer` of the output. Has to be there when the program ends with 0; else it is null.
   */
  answer?: AnswerName;
  /** Doing it twice is as good as once: when its host is gone, it is done again on another. */
  idempotent?: boolean;
  /**
   * The run itself brings or changes the program before: what is approved says nothing of its
   * content.
   */
  programMayChange?: boolean;
}

export const command: ActionRules<CommandAction> = {
  doneBy: 'activity',
  runsPrograms: true,
  isRepeatable: ({ idempotent }) => idempotent === true,
  outputs: () => [
    ...['exitCode', 'signal', 'stdout', 'stderr', 'bytes', 'sha256', 'answer', 'truncated', 'cut'],
    ...['fullBytes', 'fullSha256'],
  ],
  describe: ({ argv, cwd, target, programMayChange }) => {
    const where = `${cwd === undefined ? '' : ` in ${cwd}`}${atTarget(target)}`;
    const free = programMayChange ? ', whatever the program holds by then' : '';
    return `run ${argv.map(word).join(' ')}${where}${free}`;
  },
};
