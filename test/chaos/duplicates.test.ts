import { expect, test } from '@jest/globals';
import { duplicates } from './duplicates.js';
import { isLong, tell } from './tell.js';

test(
  'the same start and the same decision 20 times at once have one effect; of two people who decide at once one does',
  async () => {
    const [rounds, gates] = isLong ? [50, 200] : [1, 4];
    const { same, races, seconds } = await duplicates(rounds, gates);
    tell(
      `duplicates: ${same.sent} calls for ${rounds} starts and ${rounds} decisions: ${same.runs} runs, ${same.decisions} decisions, ` +
        `${same.effects} effects; ${races.gates} gates decided twice at once: ${races.accepted} accepted (${races.approved} approved), ` +
        `${races.toldWho} told who had decided, ${seconds} s`,
    );
    expect(same).toEqual({
      rounds,
      sent: 40 * rounds,
      started: rounds,
      runs: rounds,
      decisions: rounds,
      effects: rounds,
      wrong: [],
    });
    expect(races).toMatchObject({ gates, accepted: gates, toldWho: gates, wrong: [] });
  },
  isLong ? 900_000 : 60_000,
);
