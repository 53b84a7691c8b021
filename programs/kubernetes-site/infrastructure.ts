import type { SiteConfig } from './config.js';
import { claim, mustNotBeOfAnother } from './place.js';
import { Refused } from './refused.js';
import { call, type Said } from './tools.js';
import { askWitness } from './witness.js';

const quickSeconds = 120;
const longSeconds = 25 * 60;
/** Somebody else may be just looking. */
const lockTimeout = '60s';

/** One of a resource, such as `module.site["a b"].random_id.name[0]`; warnings may stand beside. */
const address = /^[\p{L}_][\p{L}\p{N}_-]*(\[(\d+|"(\\.|[^"\\])*")\]|\.[\p{L}_][\p{L}\p{N}_-]*)+$/u;

/** Resources that terraform knows at this site. @throws Refused when its state cannot be read */
export async function resources(config: SiteConfig): Promise<string[]> {
  await init(config);
  return listed(config);
}

async function listed(config: SiteConfig): Promise<string[]> {
  // A state that was never written is one without resources.
  const { stdout } = await terraform(
    config,
    ['state', 'list'],
    quickSeconds,
    /No state file was found/,
  );
  return stdout.split('\n').filter((line) => address.test(line));
}

/**
 * Makes an empty place: everything that terraform says, the namespace among it.
 * @param run whose place it is
 * @throws Refused when it is another run's, or something fails: told again, terraform goes on from
 *   there
 */
export async function provision(
  config: SiteConfig,
  run: string | null,
): Promise<{ resources: number; namespace: string }> {
  if ((await resources(config)).length > 0) await mustNotBeOfAnother(config, run);
  await change(config, 'apply');
  await claim(config, run);
  return { resources: (await listed(config)).length, namespace: config.cluster.namespace };
}

/** Lets terraform make everything, or remove it, without asking anybody. */
async function change(config: SiteConfig, verb: 'apply' | 'destroy'): Promise<void> {
  const alone = ['-input=false', '-auto-approve', '-no-color', `-lock-timeout=${lockTimeout}`];
  await terraform(config, [verb, ...alone, ...variables(config)], longSeconds);
}

/** @throws Refused while the site holds the epoch, or that cannot be asked */
export async function teardown(config: SiteConfig): Promise<{ removed: boolean }> {
  if ((await resources(config)).length === 0) return { removed: false };
  if (!config.isolated) {
    const { site, epoch } = await askWitness(config).catch((error: Error) => {
      throw new Refused(
        'the witness cannot be asked whether this site holds ' +
          `the epoch, so nothing is removed: ${error.message}`,
      );
    });
    if (site === config.site)
      throw new Refused(`site ${site} holds epoch ${epoch}: it is not removed`);
  }
  await change(config, 'destroy');
  return { removed: true };
}

async function init(config: SiteConfig): Promise<void> {
  const { backendConfig } = config.terraform;
  const backend = backendConfig === undefined ? [] : [`-backend-config=${backendConfig}`];
  await terraform(config, ['init', '-input=false', '-no-color', ...backend], quickSeconds);
}

function variables({ terraform: { varFiles } }: SiteConfig): string[] {
  return varFiles.map((file) => `-var-file=${file}`);
}

function terraform(
  config: SiteConfig,
  args: readonly string[],
  seconds: number,
  unless?: RegExp,
): Promise<Said> {
  return call(config, 'terraform', [`-chdir=${config.terraform.folder}`, ...args], {
    seconds,
    env: { TF_IN_AUTOMATION: '1', TF_INPUT: '0', CHECKPOINT_DISABLE: '1' },
    ...(unless ? { unless } : {}),
  });
}
