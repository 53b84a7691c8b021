/**
 * A decimal number as people write it: `120.5` for `120.50000`. The value stays exactly the same.
 * @param text a number as PostgreSQL writes it; what is no decimal number stays as it is
 */
export function plainDecimal(text: string): string {
  return /^-?\d+\.\d+$/.test(text) ? text.replace(/\.?0+$/, '') : text;
}
