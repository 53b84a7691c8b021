import { appendFileSync } from 'node:fs';

/** Long forms are run by `npm run chaos`, short ones by `npm test`. */
export const isLong = process.env['RUNBOOK_CHAOS'] === 'long';

/** Prints a result, and hands it to the table of `npm run chaos`. */
export function tell(line: string): void {
  process.stdout.write(`${line}\n`);
  const file = process.env['RUNBOOK_CHAOS_RESULTS'];
  if (file) appendFileSync(file, `${line}\n`);
}
