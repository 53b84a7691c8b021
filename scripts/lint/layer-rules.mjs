/**
 * Which folder and file may import which. Imports go one way: each part names what it may reach,
 * and says why.
 */
import { readdirSync } from 'node:fs';

/**
 * What workflows import of the language: plain data and pure functions that run in Temporal's
 * sandbox.
 */
const sandboxLanguage = [
  'cases',
  'condition',
  'cut',
  'digest',
  'duration',
  'facts',
  'instant',
  'items',
  'json',
  'kinds/*',
  'kinds/*/*',
  'loop-words',
  'nearest',
  'objects',
  'paths',
  'pipeline',
  'pipeline-limits',
  'plan',
  'reference',
  'run-facts',
  'run-by',
  'runbook',
  'sql-name',
  'target-facts',
  'text-order',
  'undo-words',
  'manual-words',
  'work',
]
  .map((name) => `language/${name}`)
  .concat(sandboxExpressions());

/**
 * What evaluates expressions. The files that read, check and make them stay outside of workflows,
 * and so does their door.
 */
function sandboxExpressions() {
  const outside =
    /^(index|parse|syntax-problem|check.*|unknown-name|compile|template|inline|write)$/;
  return readdirSync(new URL('../../language/expression/', import.meta.url))
    .map((file) => file.replace(/\.ts$/, ''))
    .filter((name) => !outside.test(name))
    .map((name) => `language/expression/${name}`);
}

/**
 * The handlers of the step kinds: reached through the map in activities/index.ts, never by one
 * another.
 */
const kinds = actionKinds().map((kind) => `activities/${kind}`);

/**
 * Each has a file in the table of kinds, such as `check` or, in a pack, `delivery/traffic`. This
 * file is no TypeScript, so it reads their names.
 */
function actionKinds() {
  return readdirSync(new URL('../../language/kinds/', import.meta.url), { recursive: true })
    .filter((file) => /\.ts$/.test(file) && !/(^|\/)(index|rules|words)\.ts$/.test(file))
    .map((file) => file.replace(/\.ts$/, ''));
}

/** The packs of kinds, by the name of their folders. */
const packs = readdirSync(new URL('../../language/kinds/', import.meta.url), {
  withFileTypes: true,
})
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

/** What a pack has in each part of the product; its activities are reached by types only. */
const packFiles = packs.flatMap((pack) =>
  ['language/kinds', 'common', 'activities'].map((part) => `${part}/${pack}/`),
);

/** What a runbook of ours declares, and the list of them. */
const specs = [
  'workflows/catalogue',
  'workflows/*/spec',
  'workflows/*/spec-parts/*',
  'workflows/*/site-steps',
];

/** What a folder may import; see scripts/lint/layers.mjs. */
function layer(files, { packages = [], ...options }) {
  return {
    files: [files].flat(),
    rules: { 'layers/imports': ['error', { packages, ...options }] },
  };
}

function activity(except) {
  return {
    packages: ['@temporalio/activity', '@temporalio/common', 'execa', 'pg', 'zod', 'node:'],
    files: ['language/', 'common/', 'store/', 'activities/'],
    except,
    why:
      'activities know neither workflows, client nor worker, and a step kind is reached ' +
      'through the map in activities/index.ts',
  };
}

const onlyTables = 'kinds of a pack are reached through the tables of kinds';

/** The files that the packs have in one part of the product. */
function ofPacks(part) {
  return packs.map((pack) => `${part}/${pack}/**/*.ts`);
}

/** A later entry replaces an earlier one for the files that it names. */
export const layerRules = [
  layer('language/**/*.ts', {
    packages: ['zod', 'yaml', '@noble/hashes', 'lossless-json'],
    files: ['language/'],
    except: packFiles,
    why: `the language is plain data, without Temporal and without I/O; ${onlyTables}`,
  }),
  layer(
    sandboxLanguage.map((path) => `${path}.ts`),
    {
      packages: ['@noble/hashes', 'lossless-json'],
      files: sandboxLanguage,
      except: packFiles,
      why:
        "workflows import this file, and Temporal's sandbox " +
        'has no Node; zod and yaml would double the bundle',
    },
  ),
  layer(['language/kinds/index.ts', ...ofPacks('language/kinds')], {
    files: sandboxLanguage,
    why: "workflows import this file, and Temporal's sandbox has no Node",
  }),
  layer(
    ['parse', 'syntax-problem'].map((name) => `language/expression/${name}.ts`),
    {
      packages: ['@marcbachmann/cel-js'],
      files: ['language/'],
      why: 'the parser of expressions is reached through language/expression/parse.ts alone',
    },
  ),
  layer('language/expression/pattern.ts', {
    packages: ['re2js'],
    files: sandboxLanguage,
    why: 'one file searches with regular expressions of others, in time linear in the text',
  }),
  layer('common/**/*.ts', {
    packages: ['@temporalio/common'],
    files: [...sandboxLanguage, 'common/'],
    except: packFiles,
    why: `all sides share these files, the workflow sandbox too; ${onlyTables}`,
  }),
  layer(ofPacks('common'), {
    files: [...sandboxLanguage, 'common/'],
    why: 'all sides share these files, the workflow sandbox too',
  }),
  layer('common/temporal-retries.ts', {
    packages: ['@temporalio/client'],
    files: [],
    why: 'workers and clients connect with it, outside of the sandbox',
  }),
  layer('common/reset-event.ts', {
    packages: ['@temporalio/proto'],
    files: [],
    why: "workers and clients read Temporal's histories with it, outside of the sandbox",
  }),
  layer('common/payload-codec.ts', {
    packages: ['@temporalio/common', '@temporalio/proto', 'node:'],
    files: [],
    why: 'workers and clients pack payloads with it, outside of the sandbox',
  }),
  layer('workflows/**/*.ts', {
    packages: ['@temporalio/workflow', '@temporalio/common'],
    files: [...sandboxLanguage, 'common/', 'workflows/'],
    typeFiles: ['activities/'],
    why:
      "this runs in Temporal's sandbox; what touches " +
      'the world is an activity, imported as a type only',
  }),
  layer(
    specs.map((path) => `${path}.ts`),
    {
      files: [...sandboxLanguage, ...specs],
      why: 'what a runbook declares is data, read by workflows and by the command line',
    },
  ),
  layer('workflows/engine/**/*.ts', {
    packages: ['@temporalio/workflow', '@temporalio/common'],
    files: [...sandboxLanguage, 'common/', 'workflows/engine/', 'workflows/messages'],
    typeFiles: ['activities/'],
    except: packFiles,
    why: `runbooks use the engine, and the engine knows none of them; ${onlyTables}`,
  }),
  layer('activities/**/*.ts', activity([...kinds, ...packFiles])),
  layer(ofPacks('activities'), activity(kinds)),
  // A message is one POST: it goes the way of every request, or it would need guards of its own.
  layer(
    'activities/notify.ts',
    activity([...kinds.filter((kind) => kind !== 'activities/http'), ...packFiles]),
  ),
  layer('activities/index.ts', {
    packages: ['@temporalio/activity', '@temporalio/common', 'pg', 'node:'],
    files: ['language/', 'common/', 'store/', 'activities/'],
    why: 'activities know neither workflows, client nor worker',
  }),
  ...packs.map((pack) =>
    layer(
      `activities/${pack}/index.ts`,
      activity(kinds.filter((kind) => !kind.startsWith(`activities/${pack}/`))),
    ),
  ),
  layer('store/**/*.ts', {
    packages: ['pg', 'node:'],
    files: ['language/', 'common/', 'store/'],
    why: 'the store is PostgreSQL and nothing else',
  }),
  layer('worker/**/*.ts', {
    packages: [
      '@temporalio/worker',
      '@temporalio/client',
      '@temporalio/common',
      '@temporalio/envconfig',
      'pg',
      'zod',
      'node:',
    ],
    types: ['@temporalio/proto'],
    files: ['language/', 'common/', 'workflows/', 'activities/', 'store/', 'worker/'],
    why: 'a worker needs no command line, and finds its servers by their addresses',
  }),
  layer('worker/teller/mail.ts', {
    packages: ['nodemailer', 'node:'],
    files: ['language/', 'common/', 'activities/', 'worker/teller/'],
    why: 'one file sends mail',
  }),
  layer('testing/**/*.ts', {
    packages: ['@temporalio/common', '@temporalio/proto', 'node:'],
    files: [
      'language/',
      'common/',
      ...[
        'admit',
        'capture',
        'expect',
        'failure',
        'judge',
        'judge-answer',
        'judge-others',
        'parse-output',
        'step-outputs',
      ].map((name) => `activities/${name}`),
      ...['worker/bundle', 'worker/library', 'worker/runbook-files'],
      'testing/',
    ],
    typeFiles: ['activities/'],
    why: 'runbooks are tested without a server, without a record and without effects',
  }),
  layer('testing/driver/**/*.ts', {
    packages: ['@temporalio/common', '@temporalio/proto', '@temporalio/worker', 'node:'],
    files: ['language/', 'testing/driver/'],
    why: 'this plays a server for any workflows: it knows nothing of runbooks',
  }),
  layer('embedded/**/*.ts', {
    packages: ['execa', 'pg', 'yauzl', 'node:'],
    files: ['common/', 'embedded/'],
    why: 'finding and starting servers is no part of the engine',
  }),
  layer('programs/**/*.ts', {
    packages: ['execa', 'yaml', 'zod', 'node:'],
    files: ['language/', 'programs/'],
    why: 'a program that runbooks call runs by itself, beside the system that it serves',
  }),
  layer('lab/**/*.ts', {
    packages: ['execa', 'pg', 'zod', 'node:'],
    files: ['language/', 'activities/delivery/traffic/', 'embedded/', 'lab/'],
    why: 'a system to break knows nothing of who breaks or recovers it',
  }),
  layer('examples/**/*.ts', {
    packages: ['execa', 'pg', 'node:'],
    files: ['embedded/', 'worker/config', 'lab/', 'examples/'],
    typeFiles: ['common/', 'language/'],
    why: 'a demo uses the product as its users do: by the command line',
  }),
  ...clientLayers(),
];

function clientLayers() {
  const files = [
    'language/',
    'common/',
    'store/',
    'workflows/catalogue',
    'workflows/messages',
    'embedded/home',
    'embedded/connection',
    'embedded/errors',
    'embedded/stop-request',
    'client/',
  ];
  const options = {
    packages: [
      '@temporalio/client',
      '@temporalio/common',
      '@temporalio/envconfig',
      '@temporalio/proto',
      'commander',
      'pg',
      'yaml',
      'zod',
      'node:',
    ],
    typeFiles: ['workflows/', 'embedded/', 'worker/', 'testing/'],
    why: 'the command line talks to servers; it runs neither workflows nor activities',
  };
  return [
    layer('client/**/*.ts', { ...options, files }),
    layer('client/catalogue.ts', {
      ...options,
      files: [...files, 'worker/library', 'worker/library-folders'],
    }),
    layer('client/shell-problems.ts', {
      packages: ['sh-syntax'],
      files: ['language/'],
      why:
        'the parser of scripts is reached through one ' +
        'file, which loads it where there is a script',
    }),
    layer('client/lint-files.ts', {
      ...options,
      files: [...files, 'worker/library-folders', 'worker/runbook-files'],
    }),
    layer('client/commands/worker.ts', { ...options, files: [...files, 'worker/main'] }),
    layer('client/releases.ts', {
      ...options,
      files: [...files, 'worker/deployment/server', 'worker/deployment/liveness'],
    }),
    layer('client/commands/adopt.ts', {
      ...options,
      files: [...files, 'worker/deployment/adopt', 'worker/bundle'],
    }),
    layer('client/commands/test.ts', { ...options, files: [...files, 'testing/run-tests'] }),
    layer('client/commands/dev.ts', {
      ...options,
      files: [...files, 'embedded/dev', 'worker/library-folders'],
    }),
  ];
}
