import { z } from 'zod';
import type { Action, ActionKind } from '../kinds/index.js';
import { check } from './check.js';
import { command } from './command.js';
import { delivery } from './delivery/index.js';
import { http } from './http.js';
import { notify } from './notify.js';
import { assertNone, type Differing } from './same-fields.js';
import { sql } from './sql.js';

/*
 * The schema of each kind's action in a file. Fields that could carry an injection take no
 * reference: a program, a statement's text, a path, a method.
 */
const actions = { command, sql, http, check, notify, ...delivery };

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

type Shape = (typeof actions)[ActionKind];

/** An action of any kind. */
export const action = z.discriminatedUnion('kind', Object.values(actions) as [Shape, ...Shape[]]);
