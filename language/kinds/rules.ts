/** Properties of every step of a kind; the one place that states them. */
export interface KindRules {
  /** Who does its work: a worker in one activity, people, or the engine itself. */
  doneBy: 'activity' | 'people' | 'engine';
  /** It contains other steps. */
  isGroup?: true;
  /** Gates among the steps that it contains are gates of the run. */
  holdsGates?: true;
  /** It never changes its target, whatever its effect. */
  changesNothing?: true;
}

/** Properties of a kind whose work is one activity, and of its actions. */
export interface ActionRules<A> extends KindRules {
  doneBy: 'activity';
  /** Whether the action is idempotent; it may still be a template. */
  isRepeatable(action: Partial<A>): boolean;
  /** It runs programs on the host of its worker, which outlive the worker. */
  runsPrograms?: true;
  /** A failed attempt has no effect: it was one transaction. */
  isAtomic?: true;
  /** Its handler evaluates `expect` and `outputs` itself, before the effect is final. */
  settles?: true;
  /** An interrupted attempt is done again, whatever its effect. */
  isDoneAnew?: true;
  /**
   * What the action is going to do, as one line for people. References are shown as
   * `{steps.restart.job}`, because their values are known only later.
   */
  describe(action: A): string;
  /** The same as a list, for where there is room; empty: one line says it as well. */
  list?(action: A): readonly string[];
}

/** The actions of the kinds in a table. */
export type ActionOf<Table> = {
  [K in keyof Table]: Table[K] extends ActionRules<infer A> ? A : never;
}[keyof Table];
