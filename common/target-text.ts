/**
 * A target as people are shown it: `orders (production)`.
 * @param target environment empty or absent: not known
 */
export function targetText({ name, environment }: { name: string; environment?: string }): string {
  return environment ? `${name} (${environment})` : name;
}
