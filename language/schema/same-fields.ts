/** Fields that a type has and its schema has not, or the other way, those excepted that no file can give. */
export type Differing<Type, Schema, OnlyInCode extends PropertyKey = never> = Exclude<
  Exclude<keyof Type, keyof Schema> | Exclude<keyof Schema, keyof Type>,
  OnlyInCode
>;

/** Compiles when there is nothing, and else names what there is. */
export function assertNone<Found extends never>(...found: Found[]): void {
  void found;
}
