import { readFile, writeFile } from 'node:fs/promises';
import { z } from 'zod';
import { digestOf } from '../language/digest.js';
import type { Plan } from '../language/plan.js';
import { CliError } from './errors.js';
import { exitCodes } from './exit-codes.js';

/*
 * An admitted plan in a file: shown to somebody, kept, and started later exactly as it is.
 */

/** Limit of such a file, in characters: plans stay far below what Temporal takes. */
const maxLength = 4 * 1024 ** 2;

const mark = 'plan of Durable Runbooks';

/** What is read of it before its digest is known to be right; the digest covers the rest. */
const planFile = z.strictObject({
  file: z.literal(mark),
  form: z.literal(1),
  plan: z.looseObject({
    version: z.literal(1),
    runbook: z.looseObject({ id: z.string(), version: z.string() }),
    inputs: z.record(z.string(), z.json()),
    targets: z.array(z.looseObject({ name: z.string(), digest: z.string() })),
    steps: z.array(z.looseObject({ id: z.string() })),
    digest: z.string(),
  }),
});

/**
 * Writes a plan. Another file is never written over.
 * @throws CliError with exit code 2
 */
export async function writePlanFile(path: string, plan: Plan): Promise<void> {
  const there = await readFile(path, 'utf8').catch(() => null);
  if (there !== null && !there.includes(`"file": "${mark}"`))
    throw new CliError(
      `${path} is another file: it was not written over.`,
      'Name a file that there is not, or an earlier plan.',
      exitCodes.usage,
    );
  await writeFile(path, `${JSON.stringify({ file: mark, form: 1, plan }, null, 2)}\n`);
}

/**
 * A plan that was written before.
 * @throws CliError with exit code 2 when the file holds none, 1 when it was changed
 */
export async function readPlanFile(path: string): Promise<Plan> {
  const refuse = (why: string, exitCode: number = exitCodes.usage): CliError =>
    new CliError(`${path} ${why}.`, 'Write one with: runbook plan ID -o FILE', exitCode);
  const text = await readFile(path, 'utf8');
  if (text.length > maxLength) throw refuse('is too large for a plan');
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    throw refuse('is no JSON');
  }
  const parsed = planFile.safeParse(data);
  if (!parsed.success) {
    const form = (data as { form?: unknown } | null)?.form;
    const isOther = (data as { file?: unknown } | null)?.file === mark && form !== 1;
    throw refuse(isOther ? 'was written by another release' : 'holds no plan');
  }
  const { digest, ...rest } = parsed.data.plan as unknown as Plan;
  const actual = digestOf(rest);
  if (actual !== digest)
    throw refuse(
      'was changed after it was written: its content ' +
        `has the digest ${actual}, and it says ${digest}`,
      exitCodes.failed,
    );
  return { digest, ...rest };
}
