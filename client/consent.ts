import { Option } from 'commander';
import { isReason } from '../common/reason.js';
import { ask, confirmed } from './ask.js';
import { CliError } from './errors.js';
import { exitCodes } from './exit-codes.js';
import type { Io } from './io.js';
import { remark } from './output.js';

/*
 * Who says yes before a verb acts, for all verbs: `--yes`, or a person at the terminal who has seen
 * what it is about.
 */

/** What was said on the command line. */
export interface Consent {
  yes?: boolean;
  reason?: string;
}

/** Every verb that acts has it, and no other verb. */
export const yesOption = (): Option =>
  new Option('--yes', 'do it without asking; required where there is no terminal');

/**
 * Whether a person has to be asked.
 * @param nothing what is so when nobody says yes: `Nothing was sent`
 * @param missing the other options without which the command would be refused next
 * @throws CliError with exit code 2 without a terminal to ask at and without `--yes`
 */
export function asksFirst(
  io: Io,
  { yes }: Consent,
  nothing = 'Nothing was sent',
  missing = '',
): boolean {
  if (yes) return false;
  if (io.canAsk) return true;
  throw new CliError(
    `${nothing}: there is no terminal to ask at.`,
    `To do it without being asked, add ${missing}--yes`,
    exitCodes.usage,
  );
}

/** As `asksFirst`, for a decision, which needs a reason: at a terminal it can still be typed. */
export function asksForDecision(io: Io, given: Consent): boolean {
  const isGiven = hasReason(given);
  const asks = asksFirst(io, given, 'Nothing was sent', isGiven ? '' : '--reason TEXT ');
  if (!asks && !isGiven) throw reasonMissing();
  return asks;
}

/** How often a person is asked again who gave no reason. */
const timesAgain = 2;

/**
 * The reason of a decision: as given, or typed at the terminal, where Enter alone asks again.
 * @throws CliError with exit code 2 when there is none
 */
export async function reasonFor(io: Io, given: Consent, asks: boolean): Promise<string> {
  if (hasReason(given)) return given.reason;
  const typed = asks
    ? await typedReason(io, 'A decision needs a reason, which is kept in the record.')
    : undefined;
  if (typed !== undefined) return typed;
  throw reasonMissing();
}

/**
 * The reason of a start, which those read who are asked about the run: as given, or typed at the
 * terminal. A script may leave it out.
 * @throws CliError with exit code 2 when a person gives none
 */
export async function reasonToStart(io: Io, given: Consent, asks: boolean): Promise<string> {
  if (!asks || hasReason(given)) return given.reason ?? '';
  const typed = await typedReason(
    io,
    'A start needs a reason, for those who are asked about the run.',
  );
  if (typed === undefined) throw reasonMissing('A start needs a reason; nothing was started.');
  return typed;
}

/**
 * Enter alone asks again.
 * @param why what the reason is for
 * @returns undefined when a person gives none at all
 */
async function typedReason(io: Io, why: string): Promise<string | undefined> {
  for (let asked = 0; asked <= timesAgain; asked += 1) {
    remark(io, `${asked === 0 ? '' : 'That is no reason. '}${why}`);
    const typed = await ask(io, 'Reason: ');
    if (isReason(typed)) return typed;
  }
  return undefined;
}

/** Asks the last question. Without a clear yes it says that nothing happened. */
export async function isConfirmed(
  io: Io,
  question: string,
  nothing = 'Nothing was sent',
): Promise<boolean> {
  const isYes = await confirmed(io, question);
  if (!isYes) remark(io, `${nothing}.`);
  return isYes;
}

function hasReason(given: Consent): given is Consent & { reason: string } {
  return given.reason !== undefined && isReason(given.reason);
}

function reasonMissing(why = 'A decision needs a reason; nothing was sent.'): CliError {
  return new CliError(why, 'Add --reason TEXT', exitCodes.usage);
}
