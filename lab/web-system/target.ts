import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeJson } from '../../embedded/files.js';
import type { TargetDeclaration } from '../../language/targets-file.js';
import { compiledProgram } from './programs.js';
import type { WebSystem } from './system.js';

/**
 * The system as a target of `zero-downtime-deployment`, as it stands in targets.yaml; writes the
 * deployer that it names.
 * @param settings of the deployer, in its environment
 */
export function webTarget(
  { files, ports, proxy }: WebSystem,
  settings: Readonly<Record<string, string>> = {},
): Omit<TargetDeclaration, 'name' | 'isolated'> {
  writeJson(join(files.folder, 'ports.json'), ports);
  const deployer = join(files.folder, 'deployer');
  const given = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
  const words = [
    '/usr/bin/env',
    ...given,
    process.execPath,
    compiledProgram('deployer'),
    files.folder,
  ].map((word) => `'${word.replaceAll("'", `'\\''`)}'`);
  writeFileSync(deployer, `#!/bin/sh\nexec ${words.join(' ')} "$@"\n`);
  chmodSync(deployer, 0o755);
  return {
    kind: 'web-service',
    environment: 'example',
    http: { address: proxy.url },
    facts: { ...proxy.facts, deployer },
  };
}
