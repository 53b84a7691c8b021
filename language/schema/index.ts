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
 * The shape of each kind's action in a file. What could carry an injection takes no reference: a
 * program, a statement's text, a path, a method.
 */
const actions = { command, sql, http, check, notify, traffic, analysis, rollout };

/** What the engine or the code of a procedure gives, and no file can. */
interface OnlyInCode {
  command: 'answer' | 'given';
}

/** No kind lacks a schema, and no field is in the schema or in the action only. */
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
