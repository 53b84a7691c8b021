/** What an expression may be and may cost. */
export const limits = {
  /** Characters of its text. */
  characters: 2_000,
  /** Parts of its tree. */
  parts: 200,
  /** How deep they may be nested. */
  depth: 30,
  /** Steps of one evaluation: parts evaluated, and what functions do by the size of their data. */
  steps: 20_000,
  /** Bytes of its result, as JSON. */
  resultBytes: 65_536,
} as const;
