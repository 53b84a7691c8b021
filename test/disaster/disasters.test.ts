import { expect, test } from '@jest/globals';
import { isLong, tell } from '../chaos/tell.js';
import { randomFrom } from '../driver/plan-model.js';
import { disaster, kinds, type Kind } from './disasters.js';

/*
 * What is lost is what had not left the site, or what the run names; nothing else, whatever became of the backups.
 */

/** Milliseconds before the failure in which a write may have been acknowledged that no WAL had left the site with. */
const mostLostMs = 5_000;
const each = isLong
  ? Array.from({ length: 20 }, (_, index) => kinds[index % kinds.length] as Kind)
  : (['with a WAL segment missing'] as const);
const seed = Number(process.env['RUNBOOK_SEED'] ?? Date.now() % 1_000_000);

test.each(each.map((kind, index) => ({ kind, index })))(
  'a site that is lost $kind ($index)',
  async ({ kind, index }) => {
    const { state, said, found, failedAt, rpoMs } = await disaster(kind, randomFrom(seed + index));
    tell(
      `${kind} (seed ${seed + index}): ${state}, ${found.lost.length} of ${found.acknowledged} lost, RPO ${found.rpoMs} ms, by the run ${rpoMs} ms${said ? `; ${said}` : ''}`,
    );
    if (state === 'failed') {
      // It stopped before any harm, and says why.
      expect(said).not.toBe('');
      return;
    }
    expect(state).toBe('succeeded');
    expect(found.wrong).toEqual([]);
    const unexplained = found.lost.filter(({ at }) => failedAt - Date.parse(at) > mostLostMs);
    if (said === '') expect(unexplained).toEqual([]);
    else if (kind === 'with a WAL segment missing') expect(said).toMatch(/segment|WAL/);
    else for (const { kind: what } of unexplained) expect(what).toBe('upload');
  },
  240_000,
);
