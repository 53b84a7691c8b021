import type { Look } from '../../common/answers.js';
import type { PlannedTarget } from '../../language/plan.js';
import type { CheckAction } from '../../language/kinds/check.js';
import type { CommandAction } from '../../language/kinds/command.js';
import { answersOf } from '../shared/program-answer.js';
import { ProcedureStopped } from '../engine/outcome.js';

export type Tier = 'api' | 'worker' | 'frontend';
export type Proof = 'health' | 'queries' | 'tenants' | 'login' | 'speed';

const pollMs = 500;
/** The exit code by which the program says that it could not look, and explains why. */
const refusal = 2;

/**
 * A site's program, which knows how the system is backed up, restored, started and proved there.
 * Its path is a fact of the target. It gets its task as arguments and answers with one line of
 * JSON. Each call is idempotent: a repeated one finishes what is half done and repeats nothing
 * else.
 * @param run the run that prepares a place, so that two recoveries never share one
 */
export function siteOf(target: PlannedTarget, run: string) {
  const program = fact(target, 'program');
  const call = (...args: string[]): CommandAction => ({
    kind: 'command',
    target: target.name,
    argv: [program, ...args],
    env: { RUNBOOK_RUN: run },
    idempotent: true,
  });
  return {
    target: target.name,
    /** Its name at the witness and the entrance. */
    name: fact(target, 'site'),
    /** Succeeds also when there is nothing left that could be looked at. */
    look: (): CommandAction => ({ ...call('look'), answer: 'site-look', exitCodes: [0, refusal] }),
    backups: (to: string, maxAgeMs: number): CommandAction => ({
      ...call(
        'backups',
        ...(to === 'latest' ? [] : [to]),
        '--max-age',
        String(Math.round(maxAgeMs / 1_000)),
      ),
      answer: 'site-backups',
    }),
    drain: (): CommandAction => ({ ...call('drain'), answer: 'site-drained' }),
    fence: (epoch: number, site: string) => call('fence', String(epoch), site),
    /** A site that is gone has nothing to stop. */
    stop: (): CommandAction => ({ ...call('stop'), exitCodes: [0, refusal] }),
    provision: () => call('provision'),
    teardown: () => call('teardown'),
    restoreConfiguration: () => call('restore-config'),
    restoreDatabase: (backup: string, to: string): CommandAction => ({
      ...call('restore-database', backup, to),
      answer: 'site-restored',
    }),
    inspect: () => call('inspect'),
    promote: () => call('promote'),
    restoreFiles: (): CommandAction => ({ ...call('restore-files'), answer: 'site-files' }),
    start: (tier: Tier) => call('start', tier),
    ready: (tier: Tier): CheckAction => ({
      kind: 'check',
      probe: { ...call('ready', tier), exitCodes: [0, 1] },
      until: { cel: 'out.exitCode == 0' },
      everyMs: pollMs,
    }),
    verify: (proof: Proof) => call('verify', proof),
    monitor: () => call('monitor'),
  };
}

export type Site = ReturnType<typeof siteOf>;

export const answerOf = answersOf({
  name: "the site's program",
  docs: 'docs/disaster-recovery.md',
});

/**
 * What stands at a site; null when nothing is left there that could look, or a person skipped the
 * step.
 */
export function siteState(output: unknown): Look | null {
  const { exitCode } = (output ?? {}) as { exitCode?: unknown };
  return exitCode === 0 ? answerOf(output, 'site-look', 'what stands there') : null;
}

function fact({ name, facts }: PlannedTarget, key: string): string {
  const value = facts[key];
  if (typeof value === 'string' && value !== '') return value;
  throw new ProcedureStopped(
    `target ${name} does not say its ${key}`,
    `Add it to the facts of ${name} in targets.yaml; docs/disaster-recovery.md lists them.`,
  );
}
