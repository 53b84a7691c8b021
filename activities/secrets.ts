import { readFileSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { parseSecrets, type SecretDeclaration } from '../language/secrets-file.js';
import { FileError } from '../language/strict-file.js';
import { Exit } from './exit.js';
import { StepFailure } from './failure.js';
import { Redactor } from './redact.js';

/** Where secrets come from; values exist only inside an attempt. */
export class Secrets {
  private declarations = new Map<string, SecretDeclaration>();
  private read = '';

  private constructor(private readonly path: string) {}

  /** @throws FileError when the file cannot be read or is not as it should be */
  static load(path: string): Secrets {
    const secrets = new Secrets(path);
    secrets.refresh();
    return secrets;
  }

  /** The secrets of one attempt: what it resolves is redacted from everything that leaves it. */
  forAttempt(): AttemptSecrets {
    this.refresh();
    return new AttemptSecrets(this.declarations, dirname(this.path));
  }

  private refresh(): void {
    try {
      const { mtimeMs, size, ino } = statSync(this.path);
      const version = `${mtimeMs}/${size}/${ino}`;
      if (version === this.read) return;
      const parsed = parseSecrets(readFileSync(this.path, 'utf8'), this.path);
      this.declarations = new Map(parsed.map((declaration) => [declaration.name, declaration]));
      this.read = version;
    } catch (error) {
      if (error instanceof FileError) throw error;
      throw new FileError(
        `${this.path} cannot be read ` +
          `(${(error as NodeJS.ErrnoException).code ?? 'unknown'}): ` +
          'it says where secrets come from',
      );
    }
  }
}

export class AttemptSecrets {
  readonly redactor = new Redactor();
  /** All that leaves the attempt passes through here. */
  readonly exit = new Exit(this.redactor);

  constructor(
    private readonly declarations: ReadonlyMap<string, SecretDeclaration>,
    private readonly folder: string,
  ) {}

  /**
   * The value of a secret, for one target only.
   * @throws StepFailure Configuration, which never holds the value
   */
  async resolve(name: string, forTarget: string): Promise<string> {
    const declaration = this.declarations.get(name);
    const fail = (message: string, next: string): StepFailure =>
      new StepFailure('Configuration', message, { next });
    if (!declaration)
      throw fail(
        `there is no secret ${name} on this worker`,
        'Name it in the secrets.yaml of every worker.',
      );
    if (!declaration.targets.includes(forTarget)) {
      throw fail(
        `secret ${name} may not go to target ${forTarget}`,
        `It is for: ${declaration.targets.join(', ')}. Change secrets.yaml if that is wrong.`,
      );
    }
    const value = await this.provide(declaration);
    if (value === undefined || value === '')
      throw fail(
        `secret ${name} has no value (${declaration.from})`,
        'Set it where the worker runs.',
      );
    this.redactor.add(name, value);
    return value;
  }

  /**
   * As `Exit.outgoing`. A message may contain output of other steps: every secret that this worker
   * knows is redacted, not only those of its own attempt.
   */
  async outgoing<M extends object>(message: M): Promise<M> {
    for (const declaration of this.declarations.values()) {
      const value = await this.provide(declaration);
      if (value) this.redactor.add(declaration.name, value);
    }
    return this.exit.outgoing(message);
  }

  /** As `Exit.quote`: the only way for handlers to shorten text. */
  quote(text: string, keep?: 'start' | 'end'): string {
    return this.exit.quote(text, keep);
  }

  /** As `Exit.text`. */
  text(text: string): string {
    return this.exit.text(text);
  }

  private async provide({ from }: SecretDeclaration): Promise<string | undefined> {
    const colon = from.indexOf(':');
    const rest = from.slice(colon + 1);
    if (from.startsWith('env:')) return process.env[rest];
    return (await readFile(resolve(this.folder, rest), 'utf8').catch(() => undefined))?.replace(
      /\r?\n$/,
      '',
    );
  }
}
