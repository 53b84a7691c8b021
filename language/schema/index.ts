import { z } from 'zod';
import type { Action, ActionKind } from '../kinds/index.js';
import { analysis } from './analysis.js';
import { check } from './check.js';
import { command } from './command.js';
import { http } from './http.js';
import { notify } from './notify.js';
import { rollout } from './rollout.js';
import { assertNone, type Differing } from './same-fields.js';
import { sql } from './sql.js';
import { traffic } from './traffic.js';

/*
 * The schema of each kind's action in a file. Fields that could carry an injection take no
 * reference: a program, a statement's text, a path, a method.
 */
const actions = { command, sql, http, check, notify, traffic, analysis, rollout };

/** Fields that only the engine or a procedure's code may set, not a file. */
interface OnlyInCode {
  command: 'answer' | 'given' | 'partly';
}

/** Every kind has a schema, and schema and action have the same fields. */
assertNone<
  {
    [K in ActionKind]: Differing<
      Extract<Action, { kind: K }>,
      z.infer<(typeof actions)[K]>,
      K extends keyof OnlyInCode ? OnlyInCode[K] : never
    >;
  }[ActionKind]
>();

/** An action of any kind. */
export const action = z.discriminatedUnion('kind', [
  actions.command,
  actions.sql,
  actions.http,
  actions.check,
  actions.notify,
  actions.traffic,
  actions.analysis,
  actions.rollout,
]);
