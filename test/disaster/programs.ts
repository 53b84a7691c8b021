import { chmodSync, existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import type { SiteName, SiteSystem } from '../../lab/web-system/sites/system.js';

/*
 * Programs of a site that are not what they should be, or cannot be reached.
 */

/** Puts words of sh before a site's program; `"$program" "$@"` is what was asked for. */
function wrap(system: SiteSystem, site: SiteName, script: string): void {
  const shown = system.program(site);
  const real = `${shown}.real`;
  if (!existsSync(real)) renameSync(shown, real);
  writeFileSync(shown, `#!/bin/sh\nprogram='${real}'\n${script}\n`);
  chmodSync(shown, 0o755);
}

/**
 * A site's program refuses one call, such as `start worker`, until the function that this returns
 * is called.
 */
export function refuseCall(system: SiteSystem, site: SiteName, call: string): () => void {
  const refused = `${system.program(site)}.refused`;
  writeFileSync(refused, '');
  wrap(
    system,
    site,
    `if [ -e '${refused}' ] && [ "$*" = '${call}' ]; then echo 'no room for it' >&2; exit 2; fi\nexec "$program" "$@"`,
  );
  return () => rmSync(refused);
}

/** Nobody gets an answer from a site, until the function that this returns is called. */
export function cutOff(system: SiteSystem, site: SiteName): () => void {
  const cut = `${system.program(site)}.cut`;
  writeFileSync(cut, '');
  wrap(
    system,
    site,
    `if [ -e '${cut}' ]; then echo 'site ${site} cannot be reached' >&2; exit 2; fi\nexec "$program" "$@"`,
  );
  return () => rmSync(cut);
}

/**
 * A restore that leaves a WAL segment out, and what follows it, without a word.
 * @param says the time of the newest commit that it claims; null: as it is
 */
export function leaveOut(
  system: SiteSystem,
  site: SiteName,
  segment: string,
  says: string | null,
): void {
  const answer = says === null ? 'cat' : `sed -E 's/"lastCommit":"[^"]*"/"lastCommit":"${says}"/'`;
  const [there, away] = [`${system.vault}/wal/${segment}`, `${system.vault}/wal/.${segment}.away`];
  wrap(
    system,
    site,
    [
      'if [ "$1" != restore-database ]; then exec "$program" "$@"; fi',
      `mv '${there}' '${away}'`,
      'said=$("$program" "$@")',
      'code=$?',
      `mv '${away}' '${there}'`,
      `printf '%s\\n' "$said" | ${answer}`,
      'exit "$code"',
    ].join('\n'),
  );
}
