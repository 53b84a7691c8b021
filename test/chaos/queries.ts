import { AsyncResource } from 'node:async_hooks';
import pg from 'pg';

/** A statement as pg is given it. */
export interface Statement {
  name: string;
  text: string;
  values: readonly unknown[];
}

export interface QueryWatch {
  /** May change the statement's text; a promise delays it, for good when it never settles. */
  before?(statement: Statement, client: pg.Client): string | Promise<never> | undefined;
  /** May change the rows; a promise delays them. */
  after?(statement: Statement, result: pg.QueryResult, client: pg.Client): Promise<never> | void;
}

type Callback = (error: Error | null, result: pg.QueryResult) => void;
type Query = (this: pg.Client, ...args: unknown[]) => Promise<pg.QueryResult> | void;

/**
 * Watches every statement of this process, those of the record by their names and those of SQL
 * steps by their text, so that a test can stand between the program and its databases.
 */
export function watchQueries(watch: QueryWatch): void {
  const prototype = pg.Client.prototype as unknown as { query: Query };
  const original = prototype.query;
  prototype.query = function (this: pg.Client, ...args: unknown[]) {
    const [first, second] = args;
    const config = (typeof first === 'string' ? { text: first } : first) as Partial<Statement>;
    // A statement that is an object of its own (cursors) is none of ours.
    if (typeof config.text !== 'string') return original.apply(this, args);
    const statement: Statement = {
      name: config.name ?? '',
      text: config.text,
      values: config.values ?? (Array.isArray(second) ? second : []),
    };
    const change = watch.before?.(statement, this);
    if (change instanceof Promise) return change;
    // Under a name of its own: a connection that has prepared the other text refuses this one.
    if (change !== undefined)
      args[0] = {
        ...config,
        text: change,
        ...(config.name === undefined ? {} : { name: `${config.name}-changed` }),
      };
    const callback = args.at(-1);
    if (typeof callback === 'function') {
      // Bound: pg calls back from its socket, where nobody knows any more which step asked.
      args[args.length - 1] = AsyncResource.bind((error: Error | null, result: pg.QueryResult) => {
        const wait = error ? undefined : watch.after?.(statement, result, this);
        if (!wait) (callback as Callback)(error, result);
      });
      return original.apply(this, args);
    }
    return original
      .apply(this, args)
      ?.then((result) => watch.after?.(statement, result, this) ?? result);
  };
}
