import { digestOf } from '../../language/digest.js';
import type { Json } from '../../language/json.js';
import type { Builds, BuiltOn } from '../../common/attempt.js';

/**
 * The answers of steps and the verdicts that the run builds on. Anybody who reaches the Temporal
 * server can forge them, so the next step names them and begins only if the record confirms them.
 * An answer is named until a step that named it has succeeded: the record has confirmed it then.
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
   * The answers that an attempt has to name. Its own step is left out: its claim has more.
   * @param path the step's path
   */
  namedBy(path: string): Builds {
    const { answers, decisions } = this.carry();
    return { answers: answers.filter((answer) => answer.path !== path), decisions };
  }

  /**
   * The same for an undo, which has to begin whatever the answers were, as soon as their steps have
   * ended.
   * @param taken path of the step to undo
   */
  namedByUndo(path: string, taken: string): Builds {
    const paths = new Set([taken, ...this.answers.keys()]);
    paths.delete(path);
    return { answers: [...paths].map((other) => ended(other)), decisions: [] };
  }

  /**
   * The step succeeded, so the record has confirmed the answers that its request named.
   */
  succeeded(path: string, attempt: number, output: Json, named: Builds): void {
    for (const answer of named.answers)
      if (this.answers.get(answer.path) === answer) this.answers.delete(answer.path);
    this.decisions = this.decisions.filter((id) => !named.decisions.includes(id));
    this.answers.set(path, { path, attempt, digest: digestOf(output) });
  }

  /** The step did not succeed: nothing of it runs any more. */
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
