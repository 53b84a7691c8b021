import { watchQueries } from './queries.js';

/*
 * Guards of the record, switched off from outside, to show that the tests find what they guard
 * against.
 */

/** Every attempt believes that it is the first. */
export function withoutClaims(): void {
  watchQueries({
    after({ name }, result) {
      if (name !== 'attempts-earlier') return;
      for (const row of result.rows as Record<string, unknown>[])
        Object.assign(row, { succeeded: null, mine: null, place: null, lost: 0 });
    },
  });
}

/** Writes of a worker whose attempt was taken over are taken as if it had it still. */
export function withoutFence(): void {
  watchQueries({
    before({ text }) {
      const open = text
        .replaceAll("AND a.state = 'running'", '')
        .replaceAll(/a\.fence = \$(\d)/g, '$$$1::integer > 0')
        .replaceAll(/\bfence > \$(\d)/g, '$$$1::integer < 0');
      return open === text ? undefined : open;
    },
  });
}

/**
 * Nothing is kept that proves an outcome: the effect and its claim are two transactions, and
 * between them nobody knows.
 */
export function withoutProof(): void {
  watchQueries({
    before({ name, text }) {
      return name === 'attempts-evidence'
        ? text.replace('SET evidence = $6::json', 'SET evidence = nullif($6, $6)::json')
        : undefined;
    },
  });
}

/** A message that a worker has claimed is nobody else's any more, even when the worker is dead. */
export function withoutExpiry(): void {
  watchQueries({
    before({ name, text }) {
      return name === 'messages-claim'
        ? text.replace(' OR m.claimed_until <= clock_timestamp()', '')
        : undefined;
    },
  });
}
