import { declaration } from '../../lab/pipeline/declaration.js';

/** Provider of a secret, as `secrets.yaml` names it. */
type Provider = (name: string) => { from: string };

/**
 * What workers have to know of the example pipeline.
 * @param api address of its job API
 * @param databaseUrl with its password, which becomes a secret
 * @param tell the program that tells people, with its arguments; nobody is told without it
 */
export function pipelineFiles(
  api: string,
  databaseUrl: string,
  provider: Provider,
  tell?: readonly string[],
): { targets: string; secrets: string; password: string } {
  const database = new URL(databaseUrl);
  const password = decodeURIComponent(database.password);
  database.password = '';
  const targets = {
    flights: {
      kind: 'pipeline',
      environment: 'demo',
      isolated: true,
      description: 'flights through extract, clean, transform, load',
      http: { address: api, bearer: 'flights-api-token' },
      postgres: { address: database.href, password: 'flights-database-password' },
      pipeline: declaration,
      ...(tell ? { notify: ['oncall'] } : {}),
    },
    ...(tell ? { oncall: { kind: 'channel', environment: 'demo', command: { argv: tell } } } : {}),
  };
  const secrets = {
    'flights-api-token': { ...provider('token'), targets: ['flights'] },
    'flights-database-password': { ...provider('password'), targets: ['flights'] },
  };
  // JSON is YAML.
  return {
    targets: `${JSON.stringify({ targets }, null, 2)}\n`,
    secrets: `${JSON.stringify({ secrets }, null, 2)}\n`,
    password,
  };
}
