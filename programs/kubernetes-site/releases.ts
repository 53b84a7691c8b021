import { readFileSync } from 'node:fs';
import { parseJson } from '../../language/json.js';
import type { Release, SiteConfig } from './config.js';
import { digestOf } from './place.js';
import { call, type Said } from './tools.js';

const answerSeconds = 60;

interface Status {
  version: number;
  info: { status: string; description?: string };
}

export interface Installed {
  release: string;
  revision: number;
  /** false: it was there already, just so. */
  changed: boolean;
}

/**
 * Brings a release to what the configuration says. What is there just so is left alone; what
 * somebody left half done is finished: a first installation that never came up is taken away and
 * begun anew, a later one goes back to the revision before and from there. Helm's --atomic would
 * take away what failed together with the reason, so it is not used: a person is asked, and looks
 * at it.
 */
export async function install(
  config: SiteConfig,
  wanted: Release,
  say: (line: string) => void,
): Promise<Installed> {
  const { release, chart, version, values, waitSeconds } = wanted;
  const made =
    'site program ' +
    `${digestOf([chart, version, values.map((file) => readFileSync(file, 'utf8'))])}`;
  const before = await status(config, release);
  if (before?.info.status === 'deployed' && before.info.description === made)
    return { release, revision: before.version, changed: false };
  if (before && before.info.status !== 'deployed') await clear(config, wanted, before, say);
  await helm(
    config,
    [
      ...[
        'upgrade',
        release,
        chart,
        '--install',
        '--wait',
        `--timeout=${waitSeconds}s`,
        `--description=${made}`,
        '--history-max=10',
      ],
      ...(version === undefined ? [] : [`--version=${version}`]),
      ...values.map((file) => `--values=${file}`),
    ],
    waitSeconds + answerSeconds,
  );
  const after = await status(config, release);
  return { release, revision: after?.version ?? 1, changed: true };
}

/** @returns null when there is no such release */
export async function status(config: SiteConfig, release: string): Promise<Status | null> {
  const { ok, stdout } = await helm(
    config,
    ['status', release, '--output=json'],
    answerSeconds,
    /release: not found/,
  );
  return ok ? (parseJson(stdout) as unknown as Status) : null;
}

async function clear(
  config: SiteConfig,
  { release, waitSeconds }: Release,
  before: Status,
  say: (line: string) => void,
): Promise<void> {
  const { stdout } = await helm(
    config,
    ['history', release, '--output=json', '--max=10'],
    answerSeconds,
  );
  const history = parseJson(stdout) as { revision: number; status: string }[];
  const good = history
    .filter((each) => each.status === 'deployed' || each.status === 'superseded')
    .at(-1);
  say(
    `release ${release} is ${before.info.status}: ` +
      `${good ? `back to revision ${good.revision}` : 'it is taken away'}, and done again`,
  );
  const limit = ['--wait', `--timeout=${waitSeconds}s`];
  if (good)
    await helm(
      config,
      ['rollback', release, String(good.revision), ...limit],
      waitSeconds + answerSeconds,
    );
  else await helm(config, ['uninstall', release, ...limit], waitSeconds + answerSeconds);
}

function helm(
  config: SiteConfig,
  args: readonly string[],
  seconds: number,
  unless?: RegExp,
): Promise<Said> {
  const { kubeconfig, context, namespace } = config.cluster;
  const address = [
    `--kubeconfig=${kubeconfig}`,
    `--kube-context=${context}`,
    `--namespace=${namespace}`,
  ];
  return call(config, 'helm', [...args, ...address], { seconds, ...(unless ? { unless } : {}) });
}
