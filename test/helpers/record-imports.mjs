import { appendFileSync } from 'node:fs';

/** A hook of Node's loader: appends the address of each module to `LOADED_IMPORTS_FILE`. */
export function load(url, context, next) {
  appendFileSync(process.env.LOADED_IMPORTS_FILE, `${url}\n`);
  return next(url, context);
}
