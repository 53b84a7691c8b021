import { digestOf } from '../../language/digest.js';
import type { Json } from '../../language/json.js';
import type { Builds, BuiltOn } from '../../common/attempt.js';

/**
 * What the run has been told and now builds on: answers of steps, and verdicts. Whoever reaches the
 * Temporal server can give such an answer for a worker, so the next step to begin names them, and
 * begins only if the record agrees. An answer is named until a step has succeeded that named it:
 * the record had to confirm it for that.
 */
export class Unconfirmed {
  private answers = new Map<string, BuiltOn>();
  private decisions: string[] = [];

  constructor(before: Builds = { answers: [], decisions: [] }) {
    for (const answer of before.answers) this.answers.set(answer.path, answer);
    this.decisions = [...before.decisions];
  }

  /** For the next execution of the run. */
  carry(): Builds {
    return { answers: [...this.answers.values()], decisions: this.decisions };
  }

  /**
   * What the attempt of the step has to name. Of the step itself its claim knows more.
   * @param path its own
   */
  namedBy(path: string): Builds {
    const { answers, decisions } = this.carry();
    return { answers: answers.filter((answer) => answer.path !== path), decisions };
  }

  /**
   * The same for taking a step back: whatever was answered, it is taken back as soon as nothing of
   * it runs any more.
   * @param taken path of the step
   */
  namedByUndo(path: string, taken: string): Builds {
    const paths = new Set([taken, ...this.answers.keys()]);
    paths.delete(path);
    return { answers: [...paths].map((other) => ended(other)), decisions: [] };
  }

  /**
   * The step answered that it has succeeded, and thereby that the record had what its request
   * named.
   */
  succeeded(path: string, attempt: number, output: Json, named: Builds): void {
    for (const answer of named.answers)
      if (this.answers.get(answer.path) === answer) this.answers.delete(answer.path);
    this.decisions = this.decisions.filter((id) => !named.decisions.includes(id));
    this.answers.set(path, { path, attempt, digest: digestOf(output) });
  }

  /** The step answered otherwise: nothing of it runs any more. */
  ended(path: string): void {
    this.answers.set(path, ended(path));
  }

  /** A decision was judged good. */
  decided(id: string): void {
    this.decisions = [...this.decisions, id];
  }
}

function ended(path: string): BuiltOn {
  return { path, attempt: 0, digest: null };
}
