import { Client, Connection, type ConnectionOptions } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { payloadCodec } from '../common/payload-codec.js';
import { defaultAddress, defaultNamespace, defaultTaskQueue } from '../common/defaults.js';
import { endableRetries } from '../common/temporal-retries.js';
import { CliError } from './errors.js';
import { exitCodes } from './exit-codes.js';
import { devTemporal, patience, taskQueue, type GlobalFlags } from './settings.js';

/** A Temporal client that knows its address. */
export interface Temporal {
  client: Client;
  connection: Connection;
  address: string;
  namespace: string;
  taskQueue: string;
  /** Runs calls that are answered within `ms`, or fail as unreachable. */
  within<T>(ms: number, call: () => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/**
 * Where Temporal is: flags, then TEMPORAL_* and temporal.toml, then the running `dev`, then this
 * machine. Opens no connection: the first call does, and fails at once when nobody listens.
 * @throws CliError when temporal.toml or the profile cannot be read
 */
export function connectTemporal(flags: GlobalFlags, env: NodeJS.ProcessEnv): Temporal {
  const { options, namespace: configured } = readProfile(flags, env);
  const dev =
    flags.address === undefined && options.address === undefined ? devTemporal(env) : undefined;
  const address = flags.address ?? options.address ?? dev?.address ?? defaultAddress;
  const namespace = flags.namespace ?? configured ?? dev?.namespace ?? defaultNamespace;
  // The default is ten attempts, about ten seconds: too long after a typing error in an address.
  const retries = endableRetries(3);
  const connection = Connection.lazy({
    ...options,
    address,
    interceptors: [retries.interceptor],
  });
  return {
    client: new Client({
      connection,
      namespace,
      dataConverter: { payloadCodecs: [payloadCodec] },
      identity: `runbook-cli:${process.pid}`,
    }),
    connection,
    address,
    namespace,
    taskQueue: taskQueue(flags, env) ?? defaultTaskQueue,
    within: (ms, call) => connection.withDeadline(Date.now() + ms * patience(env), call),
    close: () => {
      retries.end();
      return connection.close();
    },
  };
}

function readProfile(
  flags: GlobalFlags,
  env: NodeJS.ProcessEnv,
): { options: ConnectionOptions; namespace: string | undefined } {
  try {
    const variables = Object.fromEntries(
      Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined),
    );
    const { connectionOptions, namespace } = loadClientConnectConfig({
      overrideEnvVars: variables,
      ...(flags.profile === undefined ? {} : { profile: flags.profile }),
    });
    const { address, tls, apiKey, metadata } = connectionOptions;
    const options = { address, tls, apiKey, metadata };
    const given = Object.fromEntries(
      Object.entries(options).filter(([, value]) => value !== undefined),
    );
    return { options: given, namespace };
  } catch (error) {
    throw new CliError(
      "Temporal's configuration cannot be read: " +
        `${(error as Error).message.replace(/\s+/g, ' ').replace(/\.$/, '')}.`,
      'Check temporal.toml (TEMPORAL_CONFIG_FILE) and --profile.',
      exitCodes.usage,
    );
  }
}
