import { Argument, type Command } from 'commander';
import type pg from 'pg';
import type { RunView } from '../../common/view.js';
import type { RunbookSpec } from '../../language/runbook.js';
import type * as Store from '../../store/index.js';
import type { Choices, Suggestion } from '../completion.js';
import { exitCodes } from '../exit-codes.js';
import type { Io } from '../io.js';
import { examples } from '../options.js';
import { line } from '../output.js';
import { databaseUrl, patience } from '../settings.js';

const shells = ['bash', 'zsh', 'fish'] as const;

/** Runs offered at most, of so many newest ones, and milliseconds to find them. */
const offered = 20;
const looked = 200;
const patienceMs = 1_500;

export function registerCompletion(program: Command, io: Io): void {
  program
    .command('completion')
    .description('print the script that completes commands in your shell')
    .addArgument(new Argument('<shell>', 'your shell').choices(shells))
    .addHelpText(
      'after',
      examples('source <(runbook completion bash)', 'runbook completion zsh > ~/.zfunc/_runbook'),
    )
    .action(async (shell: string) => {
      const { completionScript } = await import('../completion-scripts.js');
      io.stdout.write(completionScript(shell));
      io.exitCode = exitCodes.ok;
    });
  // The script calls this for each completion; it is not for people.
  program
    .command('complete', { hidden: true })
    .argument('[words...]')
    .helpOption(false)
    .action(async (words: string[]) => {
      const { suggest } = await import('../completion.js');
      for (const { value, description } of await suggest(program, words, choicesOf(io)))
        io.stdout.write(`${line(value)}\t${line(description)}\n`);
      io.exitCode = exitCodes.ok;
    });
}

/** What is found in time; a person waits for the key. */
async function soon(io: Io, found: () => Promise<Suggestion[]>): Promise<Suggestion[]> {
  const late = new Promise<Suggestion[]>((done) =>
    setTimeout(() => done([]), patienceMs * patience(io.env)).unref(),
  );
  return Promise.race([found().catch(() => []), late]);
}

/** What the record answers; nothing when it is away or slow. */
function fromRecord(
  io: Io,
  ask: (pool: pg.Pool, store: typeof Store) => Promise<Suggestion[]>,
): Promise<Suggestion[]> {
  const url = databaseUrl(io.env);
  if (url === null) return Promise.resolve([]);
  return soon(io, async () => {
    const store = await import('../../store/index.js');
    return ask(store.openPool(url, { applicationName: 'runbook completion', max: 1 }), store);
  });
}

function choicesOf(io: Io): Choices {
  return {
    runs: (verb) =>
      fromRecord(io, async (pool, { listRuns }) => {
        const { canBeAbout } = await import('../completion.js');
        const all = await listRuns(pool, { limit: looked });
        return all
          .filter((run) => canBeAbout(verb, run))
          .slice(0, offered)
          .map(({ id, state, reason }) => ({ value: id, description: `${state}: ${reason}` }));
      }),
    runbooks: async () =>
      (await runbooks(io)).map(({ id, title }) => ({ value: id, description: title })),
    targets: () => targets(io),
    schedules: () => schedules(io),
    waits: (run, verb) =>
      idsIn(io, run, async ({ waitingFor }) => {
        const { canAnswer } = await import('../completion.js');
        return waitingFor.filter((wait) => canAnswer(verb, wait));
      }),
    steps: (run) => idsIn(io, run, ({ steps }) => steps),
    inputs: async (runbook) =>
      Object.entries(await inputsOf(io, runbook)).map(([value, { description }]) => ({
        value,
        description,
      })),
    values: async (runbook, name) => {
      const input = (await inputsOf(io, runbook))[name];
      if (input?.type === 'target') return targets(io);
      const all =
        input?.type === 'choice'
          ? input.options
          : input?.type === 'boolean'
            ? ['true', 'false']
            : [];
      return all.map((value) => ({ value, description: '' }));
    },
  };
}

function targets(io: Io): Promise<Suggestion[]> {
  return fromRecord(io, async (pool, { namesInRecord }) =>
    (await namesInRecord(pool)).targets.map((value) => ({ value, description: '' })),
  );
}

/** Schedules are Temporal's. */
function schedules(io: Io): Promise<Suggestion[]> {
  return soon(io, async () => {
    const [{ Session }, { listSchedules }] = await Promise.all([
      import('../session.js'),
      import('../schedules.js'),
    ]);
    const found = await listSchedules(new Session({}, io));
    return found.map(({ id, runbook }) => ({ value: id, description: runbook }));
  });
}

/** Ids of something that a run has. @param run its id, or @latest */
function idsIn(
  io: Io,
  run: string,
  of: (view: RunView) => readonly Named[] | Promise<readonly Named[]>,
): Promise<Suggestion[]> {
  return fromRecord(io, async (pool, { getRun, latestRun }) => {
    const id = run === '@latest' ? (await latestRun(pool))?.id : run;
    const view = id === undefined ? null : await getRun(pool, id);
    return view
      ? (await of(view)).map(({ id: value, title }) => ({ value, description: title }))
      : [];
  });
}

interface Named {
  id: string;
  title: string;
}

/** None of a library that cannot be read: other commands report what is wrong with it. */
async function runbooks(io: Io): Promise<readonly RunbookSpec[]> {
  const { knownRunbooks } = await import('../catalogue.js');
  return knownRunbooks(io.env).catch(() => knownRunbooks({}));
}

async function inputsOf(io: Io, runbook: string): Promise<RunbookSpec['inputs']> {
  return (await runbooks(io)).find(({ id }) => id === runbook)?.inputs ?? {};
}
