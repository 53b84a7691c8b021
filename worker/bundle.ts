import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { programFolder } from './config.js';
import { buildIdOf } from './version.js';

export interface WorkflowBundle {
  code: string;
  /** Digest of the procedures' code; an approval covers it. */
  procedure: string;
  /** The version of its workers; absent: they are unversioned. */
  buildId?: string;
}

const { version: sdkRelease } = createRequire(import.meta.url)(
  '@temporalio/workflow/package.json',
) as { version: string };
/** The module that exports all workflows, and the bundle of it that workers run. */
export const shippedEntry = join(programFolder, 'workflows', 'index.js');
export const bundleFile = join(programFolder, 'workflow-bundle.js');
const digestFile = join(programFolder, 'workflow-bundle.sha256');
/**
 * The sources of workflows. Hashed instead of the bundle, which contains paths of the build
 * machine.
 */
const sources = ['workflows', 'language', 'common'];

/**
 * Bundles workflows, with our interceptors and payload converter.
 * @param entry compiled module that exports them
 */
export async function bundleWorkflows(entry: string): Promise<string> {
  const { code } = await bundleWorkflowCode({
    workflowsPath: entry,
    workflowInterceptorModules: [join(programFolder, 'workflows', 'engine', 'interceptors.js')],
    payloadConverterPath: join(programFolder, 'common', 'data-converter.js'),
    logger: new DefaultLogger('ERROR'),
  });
  return code;
}

/**
 * Bundles the workflows once, at build time: workers start a second faster, and all run the same
 * code.
 */
async function buildBundle(): Promise<void> {
  writeFileSync(bundleFile, await bundleWorkflows(shippedEntry));
  writeFileSync(digestFile, digestOfSources());
}

/** Reads the bundle from the build. */
export function readBundle(): WorkflowBundle {
  const procedure = readFileSync(digestFile, 'utf8');
  return {
    code: readFileSync(bundleFile, 'utf8'),
    procedure,
    buildId: buildIdOf(procedure, sdkRelease),
  };
}

function digestOfSources(): string {
  const hash = createHash('sha256');
  for (const folder of sources) {
    const files = readdirSync(join(programFolder, folder), { recursive: true, encoding: 'utf8' });
    for (const file of files.filter((name) => name.endsWith('.js')).sort()) {
      hash
        .update(`${folder}/${file}\0`)
        .update(readFileSync(join(programFolder, folder, file)))
        .update('\0');
    }
  }
  return `sha256:${hash.digest('hex')}`;
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url))
  await buildBundle();
