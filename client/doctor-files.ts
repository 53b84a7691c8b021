import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseSecrets } from '../language/secrets-file.js';
import { parseTargets } from '../language/targets-file.js';
import { explain } from './errors.js';
import type { Session } from './session.js';
import type { Check } from '../common/check.js';
import { failed, ok, skipped, warning } from './doctor-check.js';

/** Checks the files that a worker here would read. The command line does not need them. */
export function fileChecks({ io, command }: Session): Check[] {
  const targets = resolve(io.env['RUNBOOK_TARGETS'] || 'targets.yaml');
  const secrets = resolve(io.env['RUNBOOK_SECRETS'] || 'secrets.yaml');
  return [
    fileCheck({ name: 'targets', path: targets, setting: 'RUNBOOK_TARGETS', command }, (text) => {
      const count = parseTargets(text, targets).length;
      return count > 0
        ? ok('targets', `${count} in ${targets}`)
        : warning(
            'targets',
            `none in ${targets}`,
            'Declare what runbooks act on: docs/targets-and-secrets.md',
          );
    }),
    fileCheck({ name: 'secrets', path: secrets, setting: 'RUNBOOK_SECRETS', command }, (text) =>
      ok('secrets', `${parseSecrets(text, secrets).length} named in ${secrets}`),
    ),
    ...(existsSync(secrets) ? [secretsMode(secrets), secretValues(secrets, io.env)] : []),
  ];
}

function fileCheck(
  {
    name,
    path,
    setting,
    command,
  }: { name: string; path: string; setting: string; command: string },
  read: (text: string) => Check,
): Check {
  if (!existsSync(path))
    return skipped(name, `no ${path} here; needed where a worker runs (${setting})`);
  try {
    return read(readFileSync(path, 'utf8'));
  } catch (error) {
    const { message, next } = explain(error, { command, inDoctor: true });
    return failed(name, message, next || 'Correct the file.');
  }
}

function secretsMode(path: string): Check {
  const name = 'secrets mode';
  const mode = (statSync(path).mode & 0o777).toString(8);
  return (statSync(path).mode & 0o077) === 0
    ? ok(name, mode)
    : warning(name, `${path} can be read by others (${mode})`, `chmod 600 ${path}`);
}

/** Checks that the providers on this machine have their secrets; reads no value. */
function secretValues(path: string, env: NodeJS.ProcessEnv): Check {
  const name = 'secret values';
  try {
    const missing = parseSecrets(readFileSync(path, 'utf8'), path).filter(({ from }) => {
      const [provider, where] = [
        from.slice(0, from.indexOf(':')),
        from.slice(from.indexOf(':') + 1),
      ];
      return provider === 'env' ? !env[where] : !existsSync(resolve(dirname(path), where));
    });
    if (missing.length === 0) return ok(name, 'all there');
    return warning(
      name,
      `not here: ${missing.map((secret) => `${secret.name} (${secret.from})`).join(', ')}`,
      'Set the variable or write the file where the worker runs; only there it is needed.',
    );
  } catch {
    return skipped(name, 'needs secrets.yaml');
  }
}
