/** Written out, so that no value of a plan becomes SQL text. */
export const begin = {
  read: {
    'read committed': 'BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY',
    'repeatable read': 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY',
    serializable: 'BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY',
  },
  write: {
    'read committed': 'BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE',
    'repeatable read': 'BEGIN ISOLATION LEVEL REPEATABLE READ READ WRITE',
    serializable: 'BEGIN ISOLATION LEVEL SERIALIZABLE READ WRITE',
  },
} as const;
