import { readFileSync, statSync } from 'node:fs';
import { FileError } from '../language/strict-file.js';
import type { JsonObject } from '../language/json.js';
import { targetsIn } from '../language/target-facts.js';
import {
  describedTarget,
  parseTargets,
  plannedTarget,
  type TargetDeclaration,
} from '../language/targets-file.js';
import type { TargetChoice } from '../language/inputs.js';
import type { PlannedTarget } from '../language/plan.js';
import { StepFailure } from './failure.js';

/**
 * The targets that this worker knows. The file is read again when it changes, so that a new target
 * needs no restart.
 */
export class Targets {
  private declarations = new Map<string, TargetDeclaration>();
  private table: JsonObject | undefined;
  private read = '';

  private constructor(private readonly path: string) {}

  /** @throws FileError when the file cannot be read or is not as it should be */
  static load(path: string): Targets {
    const targets = new Targets(path);
    targets.refresh();
    return targets;
  }

  list(): TargetChoice[] {
    this.refresh();
    return [...this.declarations.values()].map(({ name, kind }) => ({ name, kind }));
  }

  /** The facts of all targets, as expressions read them. */
  facts(): JsonObject {
    this.refresh();
    const all = [...this.declarations.values()];
    return (this.table ??= targetsIn({ targets: all.map(describedTarget) }));
  }

  planned(name: string): PlannedTarget {
    return plannedTarget(this.get(name));
  }

  /** The target, if this worker knows it. */
  find(name: string): TargetDeclaration | undefined {
    this.refresh();
    return this.declarations.get(name);
  }

  /** @throws StepFailure Configuration */
  get(name: string): TargetDeclaration {
    const declaration = this.find(name);
    if (declaration) return declaration;
    throw new StepFailure(
      'Configuration',
      `there is no target ${JSON.stringify(name)} on this worker`,
      {
        next: 'Declare it in the targets.yaml of every worker.',
      },
    );
  }

  private refresh(): void {
    try {
      const { mtimeMs, size, ino } = statSync(this.path);
      const version = `${mtimeMs}/${size}/${ino}`;
      if (version === this.read) return;
      const parsed = parseTargets(readFileSync(this.path, 'utf8'), this.path);
      this.declarations = new Map(parsed.map((declaration) => [declaration.name, declaration]));
      this.table = undefined;
      this.read = version;
    } catch (error) {
      if (error instanceof FileError) throw error;
      throw new FileError(
        `${this.path} cannot be read ` +
          `(${(error as NodeJS.ErrnoException).code ?? 'unknown'}): it declares the targets ` +
          'that runbooks act on',
      );
    }
  }
}
