/** Fields that only the type or only its schema has, except those that no file may set. */
export type Differing<Type, Schema, OnlyInCode extends PropertyKey = never> = Exclude<
  Exclude<keyof Type, keyof Schema> | Exclude<keyof Schema, keyof Type>,
  OnlyInCode
>;

/** Compiles only when the type is empty; else the error names its members. */
export function assertNone<Found extends never>(...found: Found[]): void {
  void found;
}
