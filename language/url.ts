/** The parsed address, or null when the text is not one (URL.parse came with Node 22). */
export function parseUrl(text: string, base?: URL): URL | null {
  return URL.canParse(text, base?.href) ? new URL(text, base?.href) : null;
}
