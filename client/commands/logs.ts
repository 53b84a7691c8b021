import type { Command } from 'commander';
import type { RecordedChunk } from '../../store/index.js';
import { CliError } from '../errors.js';
import { exitCodes, hasEnded } from '../exit-codes.js';
import { isTerminal, type Io } from '../io.js';
import { examples, optionsOf } from '../options.js';
import { line, painter, printList, remark, shown } from '../output.js';
import { withSession, type Session } from '../session.js';
import type { GlobalFlags } from '../settings.js';
import type { StepView } from '../../common/view.js';

interface LogsOptions extends GlobalFlags {
  run: string;
  step?: string;
  follow?: boolean;
}

/** Chunks read at once; a chunk is some kilobytes. */
const pageSize = 200;
const everyMs = 300;

export function registerLogs(program: Command, io: Io): void {
  program
    .command('logs')
    .description('print what the steps of a run wrote')
    .argument('<run>', 'id of the run, or @latest')
    .argument('[step]', 'only this step, parts included')
    .option('-f, --follow', 'go on until the run ends, or needs people')
    .addHelpText('after', examples('runbook logs @latest', 'runbook logs @latest restart -f'))
    .action(async (id: string, step: string | undefined, _own: unknown, command: Command) => {
      const options = {
        ...optionsOf<Omit<LogsOptions, 'run'>>(command),
        run: id,
        ...(step === undefined ? {} : { step }),
      };
      io.exitCode = await runLogs(options, io);
    });
}

/** Output comes from the record: stdout to stdout, the rest to stderr. */
function runLogs(options: LogsOptions, io: Io): Promise<number> {
  return withSession(options, io, async (session) => {
    const { resolveRun } = await import('../read-run.js');
    const { getRun } = await import('../../store/index.js');
    const { unknownStep } = await import('../unknown-step.js');
    const { belongsTo, undoPath } = await import('../../language/paths.js');
    const pool = await session.needRecord();
    const run = await resolveRun(session, options.run);
    const signal = io.interrupted();
    const pages = new Pages(options, io);
    const { Attention, neededOf, tellNeeded } = await import('../needed.js');
    const attention = new Attention();
    const { step } = options;
    for (;;) {
      // Reads the state first, so that all output from before the end is read.
      const view = await getRun(pool, run);
      if (!view) throw await unknown(session, run);
      const isOf = ({ id }: StepView): boolean =>
        step === undefined || belongsTo(id, step) || undoPath(id) === step;
      if (step !== undefined && !view.steps.some(isOf)) {
        throw unknownStep(view, step);
      }
      await pages.print(session, run);
      if (!options.follow || hasEnded(view.state)) break;
      const reading = { view, pauses: [], note: null };
      const needed = neededOf(reading);
      if (needed && attention.stands(reading)) {
        pages.end();
        // Stdout has what the steps wrote, and nothing else.
        const toStderr = { ...io, stdout: io.stderr };
        return tellNeeded(session, reading, needed, { color: false }, toStderr);
      }
      if (signal.aborted)
        throw new CliError('No longer following; the run goes on.', '', exitCodes.interrupted);
      await new Promise((wake) => setTimeout(wake, everyMs));
    }
    pages.end();
    return exitCodes.ok;
  });
}

async function unknown(session: Session, run: string): Promise<CliError> {
  const { readRun } = await import('../read-run.js');
  // A run that Temporal knows and the record does not is not admitted yet, or kept elsewhere.
  await readRun(session, run);
  return new CliError(
    `The record knows no run ${JSON.stringify(run)}.`,
    `See the runs with: ${session.command} runs`,
    exitCodes.usage,
  );
}

/** Prints chunks as they come, each new source named on stderr. */
class Pages {
  private last = 0;
  private source = '';
  private printed = 0;

  constructor(
    private readonly options: LogsOptions,
    private readonly io: Io,
  ) {}

  async print(session: Session, run: string): Promise<void> {
    const { readOutput } = await import('../../store/index.js');
    const pool = await session.needRecord();
    const { step } = this.options;
    for (;;) {
      const chunks = await readOutput(pool, run, {
        afterId: this.last,
        limit: pageSize,
        ...(step === undefined ? {} : { step }),
      });
      this.printed += chunks.length;
      if (this.options.output === 'json') this.kept.push(...chunks.map(asJson));
      else if (this.options.output === 'jsonl') printList(this.io, 'jsonl', chunks.map(asJson));
      else for (const chunk of chunks) this.write(chunk);
      this.last = chunks.at(-1)?.id ?? this.last;
      if (chunks.length < pageSize) return;
    }
  }

  end(): void {
    if (this.options.output === 'json') printList(this.io, 'json', this.kept);
    else if (this.printed === 0) remark(this.io, 'Nothing was written.');
  }

  private readonly kept: unknown[] = [];

  private write(chunk: RecordedChunk): void {
    const { io } = this;
    const source = `${chunk.step}, attempt ${chunk.attempt}`;
    if (source !== this.source)
      remark(io, painter(io, this.options.color)('dim', `==> ${line(source)} <==`));
    this.source = source;
    const stream = chunk.stream === 'stdout' ? io.stdout : io.stderr;
    // On a terminal, a step's output must not control the terminal; a file gets the exact bytes.
    // With `logs > file`, stderr is still a terminal.
    stream.write(isTerminal(io, stream) ? shown(chunk.bytes.toString('utf8')) : chunk.bytes);
  }
}

function asJson(chunk: RecordedChunk): Record<string, unknown> {
  const text = chunk.bytes.toString('utf8');
  const whole = Buffer.from(text, 'utf8').equals(chunk.bytes);
  const { step, attempt, stream, seq, at } = chunk;
  return {
    step,
    attempt,
    stream,
    seq,
    at,
    ...(whole ? { text } : { base64: chunk.bytes.toString('base64') }),
  };
}
