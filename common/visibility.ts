/** A text inside a query of Temporal's lists: its query language has no parameters. */
export function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
