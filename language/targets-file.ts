import { z } from 'zod';
import { digestOf } from './digest.js';
import { pipeline } from './pipeline-declaration.js';
import { faultsOfConnections } from './pipeline-faults.js';
import { parseStrictly } from './strict-file.js';
import type { Pipeline } from './pipeline.js';
import { parseUrl } from './url.js';
import type { DescribedTarget, PlannedTarget } from './plan.js';
import { field } from './objects.js';

/*
 * targets.yaml: the named things that runbooks act on, declared once.
 */

const name = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9._-]{0,62}$/,
    'must be a short name of lower-case letters, digits, ., _ and -',
  );

/** A name that expressions can say. */
const id = z.string().regex(/^[a-z][a-z0-9_]{0,62}$/, 'must be lower-case letters, digits and _');

/** An address never carries credentials: they would be copied wherever the address is shown. */
function address(protocols: readonly string[]) {
  return z.string().refine(
    (text) => {
      const url = parseUrl(text);
      return url !== null && protocols.includes(url.protocol) && !holdsPassword(url);
    },
    {
      error:
        `must be an address (${protocols.map((each) => `${each}//`).join(' or ')}) without a ` +
        "password: name the password's secret beside it",
    },
  );
}

/** The driver of PostgreSQL takes one behind the question mark too. */
function holdsPassword({ password, searchParams }: URL): boolean {
  return password !== '' || ['password', 'sslpassword'].some((name) => searchParams.has(name));
}

/** Where user and password are exchanged for a token. */
const login = z.strictObject({
  // eslint-disable-next-line layers/step-paths -- the path of an address
  path: z.string().startsWith('/').default('/auth/token'),
  user: z.string().min(1),
  /** Name of a secret. */
  password: name,
  /** Where the token is in the answer. */
  token: z.string().min(1).default('access_token'),
});

const http = z
  .strictObject({
    address: address(['http:', 'https:']).refine((text) => !text.includes('@'), {
      error: 'must not contain a user: use `bearer`',
    }),
    bearer: name.optional(),
    login: login.optional(),
    headers: z.record(z.string(), z.string()).optional(),
    /** File with the certificates of the authority that the server's is from, on every worker. */
    ca: z.string().min(1).optional(),
  })
  .refine(({ address: text, ca }) => ca === undefined || text.startsWith('https:'), {
    error: 'names a `ca`, which only an https address has a use for',
  })
  .refine((given) => given.bearer === undefined || given.login === undefined, {
    error: 'says `bearer` and `login`: a token is given, or got by a log-in',
  });

/** As psql's; `no-verify` is the driver's word for psql's `require`. */
const sslModes = [
  ...(['disable', 'allow', 'prefer', 'require', 'no-verify', 'verify-ca', 'verify-full'] as const),
];
export type SslMode = (typeof sslModes)[number];

const postgres = z.strictObject({
  address: address(['postgres:', 'postgresql:']).refine(
    (text) => {
      const mode = parseUrl(text)?.searchParams.get('sslmode') ?? 'disable';
      return (sslModes as readonly string[]).includes(mode);
    },
    { error: `has an sslmode that there is not; there are ${sslModes.join(', ')}` },
  ),
  password: name.optional(),
  /** File with the certificates of the authority that the server's is from, on every worker. */
  ca: z.string().min(1).optional(),
});

/**
 * How a connection is encrypted; undefined when nothing is declared. Naming a `ca` implies that the
 * server is verified.
 */
export function sslModeOf(given: z.infer<typeof postgres>): SslMode | undefined {
  const said = parseUrl(given.address)?.searchParams;
  const mode = said?.get('sslmode') as SslMode | null | undefined;
  if (mode) return mode;
  if (given.ca !== undefined) return 'verify-full';
  return /^(true|1)$/.test(said?.get('ssl') ?? '') ? 'require' : undefined;
}

/** Text in one line: it goes into headers and argument lists. */
const line = z.string().regex(/^[^\p{Cc}]+$/u, 'must be one line of text');
const mailAddress = z
  .string()
  .regex(/^[^\s@<>,;:"()\p{Cc}]+@[^\s@<>,;:"()\p{Cc}]+$/u, 'must be a mail address');

/** The address of an incoming webhook is itself the secret. */
const slack = z.strictObject({ webhook: name, ca: z.string().min(1).optional() });

const email = z
  .strictObject({
    /** `smtp:` turns to TLS when the server offers it; `smtps:` begins with it. */
    server: address(['smtp:', 'smtps:']),
    password: name.optional(),
    from: mailAddress,
    to: z.array(mailAddress).min(1),
    ca: z.string().min(1).optional(),
  })
  .refine(
    ({ server, password }) =>
      (password === undefined) === ((parseUrl(server)?.username ?? '') === ''),
    { error: 'needs both to log in: a user in `server` (smtp://user@host:587) and `password`' },
  );

const command = z.strictObject({
  argv: z.array(line).min(1),
  /** Names of secrets, by the variables that hold them. */
  env: z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), name).default({}),
});

const variable = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/);

/** Names of secrets, but for the user. */
const credentials = z.strictObject({
  /** Of the database. */
  user: z.string().min(1).optional(),
  password: name.optional(),
  bearer: name.optional(),
  /** Secrets for the programs of a step, by the variables that hold them. */
  env: z.record(variable, name).optional(),
});

const fact = z.union([z.string(), z.number(), z.boolean()]);

const target = z.strictObject({
  kind: name,
  environment: z.string().min(1),
  isolated: z.boolean().default(false),
  description: z.string().optional(),
  http: http.optional(),
  postgres: postgres.optional(),
  /** Who a step can be at this target, by names: `main` is what it is where it says nothing. */
  credentials: z.record(id, credentials).optional(),
  /** Further addresses, by their names. */
  addresses: z.record(id, http).optional(),
  /** Further databases of a pipeline, by their names. */
  connections: z.record(id, postgres).optional(),
  /** Ways to tell people; `http` is one too, as a webhook. */
  slack: slack.optional(),
  email: email.optional(),
  command: command.optional(),
  /** What its data is, and how it is run. */
  pipeline: pipeline.optional(),
  /** Names of the channels that are told when a run on this target needs people. */
  notify: z.array(name).min(1).optional(),
  facts: z
    .record(z.string(), z.union([fact, z.array(fact), z.record(z.string(), fact)]))
    .default({}),
});

const file = z
  .strictObject({ targets: z.record(name, target) })
  .superRefine(({ targets }, context) => {
    for (const [key, { notify = [], ...declared }] of Object.entries(targets)) {
      for (const way of waysTo(declared.pipeline)) {
        if (declared[way] !== undefined) continue;
        context.addIssue({
          code: 'custom',
          message: `is declared, and the target has no \`${way}\` to reach it by`,
          path: ['targets', key, 'pipeline'],
        });
      }
      const place = ['targets', key];
      if (declared.connections && !declared.pipeline)
        context.addIssue({
          code: 'custom',
          message: 'names databases of a pipeline, and the target declares no `pipeline`',
          path: [...place, 'connections'],
        });
      if (declared.pipeline)
        for (const { path, message } of faultsOfConnections(
          declared.pipeline,
          Object.keys(declared.connections ?? {}),
        ))
          context.addIssue({ code: 'custom', message, path: [...place, 'pipeline', ...path] });
      for (const [at, channel] of notify.entries()) {
        const known = field(targets, channel);
        if (known && channelKindOf(known) !== undefined) continue;
        context.addIssue({
          code: 'custom',
          message: known
            ? `names ${channel}, which cannot tell anybody: ${channelRule}`
            : `names ${channel}, and there is no such target`,
          path: ['targets', key, 'notify', at],
        });
      }
    }
  });

export type TargetDeclaration = z.infer<typeof target> & { name: string };

/** By what a pipeline is reached. */
function waysTo(declared: Pipeline | undefined): ('http' | 'postgres')[] {
  if (!declared) return [];
  const { dbt, program } = declared.run;
  return dbt || program ? ['postgres'] : ['http', 'postgres'];
}

/** Reads targets.yaml. @throws FileError */
export function parseTargets(text: string, path: string): TargetDeclaration[] {
  const { targets } = parseStrictly(text, path, file);
  return Object.entries(targets).map(([key, value]) => ({ name: key, ...value }));
}

/** The ways in which a target can tell people, the first that it declares. */
const channelKinds = ['slack', 'email', 'command', 'http'] as const;
export type ChannelKind = (typeof channelKinds)[number];

/** What makes a target a channel, as the end of a sentence. */
export const channelRule = `a channel declares one of ${channelKinds.join(', ')}`;

/** How this target tells people; undefined: it cannot. */
export function channelKindOf(declaration: z.infer<typeof target>): ChannelKind | undefined {
  return channelKinds.find((kind) => declaration[kind] !== undefined);
}

/**
 * Digest of the declaration: a changed address makes a changed plan. Who is told is no part of it.
 */
export function targetDigest({ notify: _told, ...declaration }: TargetDeclaration): string {
  return digestOf(declaration);
}

/** The target as a plan keeps it. */
export function plannedTarget(declaration: TargetDeclaration): PlannedTarget {
  return { ...describedTarget(declaration), digest: targetDigest(declaration) };
}

/** The same without the digest, which takes a while. */
export function describedTarget(declaration: TargetDeclaration): DescribedTarget {
  const { name: targetName, kind, environment, isolated, facts } = declaration;
  const others = Object.entries(declaration.addresses ?? {});
  const databases = Object.entries(declaration.connections ?? {});
  const addresses = [
    declaration.http && `http ${declaration.http.address}`,
    declaration.postgres && `postgres ${declaration.postgres.address}`,
    ...[...others, ...databases].map(([called, { address: url }]) => `${called} ${url}`),
  ];
  return {
    name: targetName,
    kind,
    environment,
    isolated,
    addresses: addresses.filter((each) => each !== undefined),
    ...(others.length > 0 ? { named: others.map(([called]) => called) } : {}),
    facts,
    ...(declaration.pipeline ? { pipeline: declaration.pipeline } : {}),
  };
}
