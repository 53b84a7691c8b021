import { chmodSync, mkdtempSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * A folder of the test's own that every account may enter: servers that root starts run as another
 * user.
 * @param name its beginning
 */
export function testFolder(name: string): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), name)));
  chmodSync(folder, 0o755);
  return folder;
}
