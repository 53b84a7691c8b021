import { spawnSync } from 'node:child_process';
import { execa } from 'execa';
import { expect, test } from '@jest/globals';
import { findHelm, findKubectl, findTerraform } from '../../lab/kubernetes/programs.js';
import { take, toolNames, usage, type ToolName } from './usage.js';

/*
 * The stand-ins refuse what the real tools would not know: here their tables are compared with what
 * the tools say of themselves, where these are installed.
 */

/** Those that may have been built here. */
const programs: Partial<Record<ToolName, string | undefined>> = {
  terraform: findTerraform(),
  helm: findHelm(),
  kubectl: findKubectl(),
};

async function say(tool: ToolName, args: readonly string[]): Promise<string> {
  const { stdout, stderr } = await execa(programs[tool] ?? tool, args, {
    reject: false,
    stdin: 'ignore',
    env: { PAGER: 'cat', AWS_PAGER: '', MANPAGER: 'cat', TERM: 'dumb' },
  });
  // As a printer would strike letters over, twice.
  return `${stdout}${stderr}`.replace(/.\u0008/g, '').replace(/\u001b\[[0-9;]*m/g, '');
}

/** How each of them is asked what it takes. */
const asking: Record<ToolName, (verb: string) => string[][]> = {
  // What apply says of the options of plan, it leaves to plan.
  terraform: (verb) => [
    ['-help'],
    ...[verb, ...(/apply|destroy/.test(verb) ? ['apply', 'plan'] : [])].map((each) => [
      ...each.split(' '),
      '-help',
    ]),
  ],
  kubectl: (verb) => [['options'], [...verb.split(' '), '--help']],
  helm: (verb) => [[verb, '--help']],
  aws: (verb) => [['help'], [...verb.split(' '), 'help']],
  psql: () => [['--help']],
};

function isInstalled(tool: ToolName): boolean {
  const { error } = spawnSync(programs[tool] ?? tool, [tool === 'helm' ? 'version' : '--version'], {
    stdio: 'ignore',
  });
  return error === undefined;
}

for (const tool of toolNames) {
  const here = isInstalled(tool) ? test : test.skip;
  here(
    `the real ${tool} takes every flag that its stand-in takes`,
    async () => {
      const said = new Map<string, Promise<string>>();
      const read = (args: string[]): Promise<string> => {
        const key = args.join(' ');
        const found = said.get(key) ?? say(tool, args);
        said.set(key, found);
        return found;
      };
      const { globals, verbs } = usage[tool];
      // All at once: some of them take long to say it.
      await Promise.all(Object.keys(verbs).flatMap(asking[tool]).map(read));
      for (const [verb, flags] of Object.entries(verbs)) {
        const text = (await Promise.all(asking[tool](verb).map(read))).join('\n');
        const all = [...globals.values, ...globals.switches, ...flags.values, ...flags.switches];
        const unknown = all.filter(
          (flag) => !new RegExp(`(^|[\\s,\\[|])${flag}(?![\\w-])`, 'm').test(text),
        );
        expect([tool, verb, unknown]).toEqual([tool, verb, []]);
        // The comparison finds what a tool does not know.
        expect(
          new RegExp(
            `(^|[\\s,\\[|])${tool === 'terraform' ? '-' : '--'}no-such-flag(?![\\w-])`,
            'm',
          ).test(text),
        ).toBe(false);
      }
    },
    60_000,
  );
}

test('a stand-in refuses what its tool does not know', () => {
  const refused: [ToolName, string[], RegExp][] = [
    ['terraform', ['apply', '-auto-aprove'], /unknown flag: -auto-aprove/],
    ['terraform', ['-chdir=x', 'aply'], /unknown command aply/],
    ['kubectl', ['scale', 'deployment/x', '--replica=0'], /unknown flag: --replica/],
    ['helm', ['upgrade', 'x', 'y', '--timeout'], /flag needs an argument: --timeout/],
    ['aws', ['s3', 'cp', '-', 's3://x/y', '--bucket=z'], /unknown flag: --bucket/],
    ['psql', ['--no-psqlrcs'], /unknown flag: --no-psqlrcs/],
  ];
  for (const [tool, args, problem] of refused) expect(() => take(tool, args)).toThrow(problem);
});
