/** What is true of every step of a kind. Whoever needs to know it asks here. */
export interface KindRules {
  /** Who does its work: a worker in one activity, people, or the engine itself. */
  doneBy: 'activity' | 'people' | 'engine';
  /** It holds steps of its own. */
  isGroup?: true;
  /** Gates among the steps that it holds are gates of the run. */
  holdsGates?: true;
  /** It can act on a target without changing it, whatever its effect. */
  changesNothing?: true;
}

/** What is true of a kind whose work is one activity, and what its actions say for themselves. */
export interface ActionRules<A> extends KindRules {
  doneBy: 'activity';
  /** Doing the action once more is as good as once; the action may be a template yet. */
  isRepeatable(action: Partial<A>): boolean;
  /** It runs programs on the host of its worker, which outlive the worker. */
  runsPrograms?: true;
  /** An attempt that failed has left nothing behind: it was one transaction. */
  isAtomic?: true;
  /** It judges what was expected of its output itself, before the output is final. */
  judgesExpectations?: true;
  /** An attempt that broke off is done anew, whatever its effect. */
  isDoneAnew?: true;
  /**
   * Names of all that its output can have, where the action says so itself; absent: anything. The
   * action may be a template yet.
   */
  outputs?(action: Partial<A>): readonly string[];
  /**
   * What the action is going to do, as one line for people. References in it, which are known only
   * later, stand as `{steps.restart.job}`.
   */
  describe(action: A): string;
}
