import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { sdkVersion } from '../../testing/driver/driver.js';

const root = join(import.meta.dirname, '..', '..');
const advice = `testing/driver uses the inside of SDK ${sdkVersion}, which may change with any release.
For a new release: let sdkVersion in driver.ts name it, run "npm run test:only -- test/driver", and where a trace differs
from the server's, correct the driver. The packages stay pinned exactly, all to the same version.`;

function read(path: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(root, path), 'utf8')) as Record<string, unknown>;
}

function temporal(dependencies: unknown): [string, string][] {
  return Object.entries(dependencies as Record<string, string>).filter(([name]) =>
    name.startsWith('@temporalio/'),
  );
}

test('the SDK is exactly the one that the driver was written for', () => {
  const { dependencies, devDependencies } = read('package.json');
  const asked = [...temporal(dependencies), ...temporal(devDependencies)];
  const installed = asked.map(([name]) => [
    name,
    read(`node_modules/${name}/package.json`)['version'],
  ]);
  const other = [...asked, ...installed]
    .filter(([, version]) => version !== sdkVersion)
    .map((each) => each.join(' '));
  expect(asked.map(([name]) => name)).toEqual(
    expect.arrayContaining(['@temporalio/worker', '@temporalio/workflow']),
  );
  if (other.length > 0) throw new Error(`${other.join(', ')}: not ${sdkVersion}.\n${advice}`);
});
