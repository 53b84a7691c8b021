import type { Check } from '../common/check.js';
import type { StartEnvelope } from '../common/envelope.js';
import { explain } from './errors.js';
import type { Session } from './session.js';

/** A plan request that every worker answers and that starts nothing: there is no such runbook. */
export const question: StartEnvelope = {
  version: 1,
  id: 'doctor',
  verb: 'plan',
  run: 'doctor',
  runbook: 'doctor',
  inputs: {},
  by: 'doctor',
  reason: '',
};

export const ok = (name: string, found: string): Check => ({ name, state: 'ok', found, fix: null });
export const failed = (name: string, found: string, fix: string): Check => ({
  name,
  state: 'failed',
  found,
  fix,
});
export const warning = (name: string, found: string, fix: string): Check => ({
  name,
  state: 'warning',
  found,
  fix,
});
export const skipped = (name: string, found: string): Check => ({
  name,
  state: 'skipped',
  found,
  fix: null,
});

export async function checked(
  session: Session,
  name: string,
  check: () => Promise<Check>,
): Promise<Check> {
  try {
    return await check();
  } catch (error) {
    const { message, next } = explain(error, { ...session.context, inDoctor: true });
    return failed(name, message, next);
  }
}
