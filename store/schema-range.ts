/**
 * The schemas that this release can work with. `newest` is the last migration that it ships; it
 * also runs on any newer schema, as long as no migration beyond `newest` is marked breaking.
 */
export const schemaRange = { oldest: 4, newest: 4 } as const;

export interface AppliedMigration {
  version: number;
  /** True when releases that do not know this migration cannot work with the schema any more. */
  breaking: boolean;
}

export interface SchemaStatus {
  /** The database's schema; 0 when it has none. */
  version: number;
  /** A release must know at least this schema: the last migration marked breaking, or 0. */
  minimumReader: number;
  ok: boolean;
  /** What is wrong; else the version. */
  message: string;
}

/** May this release work on a database with these migrations? */
export function judgeSchema(
  applied: readonly AppliedMigration[],
  range: { oldest: number; newest: number } = schemaRange,
): SchemaStatus {
  const version = Math.max(0, ...applied.map((migration) => migration.version));
  const minimumReader = Math.max(
    0,
    ...applied.filter((migration) => migration.breaking).map((migration) => migration.version),
  );
  const status = (ok: boolean, message: string): SchemaStatus => ({
    version,
    minimumReader,
    ok,
    message,
  });
  if (version === 0) return status(false, 'The database has no record yet');
  if (version < range.oldest) {
    return status(false, `The record has schema ${version}, this release needs ${range.oldest}`);
  }
  if (minimumReader > range.newest) {
    return status(
      false,
      `The record has schema ${version}; this release knows schemas ${range.oldest} to ` +
        `${range.newest} and cannot work beyond migration ${minimumReader}, which is marked ` +
        'breaking. Upgrade this worker or command to a release that knows schema ' +
        `${minimumReader}; runs go on meanwhile on workers that are already upgraded.`,
    );
  }
  if (version > range.newest)
    return status(
      true,
      `schema ${version}, newer than this release (${range.newest}) and compatible with it`,
    );
  return status(true, `schema ${version}`);
}
