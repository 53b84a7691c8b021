/** Everything a command reads and writes, so that tests can hand in their own. */
export interface Io {
  stdout: NodeJS.WritableStream;
  stderr: NodeJS.WritableStream;
  stdin: NodeJS.ReadableStream;
  env: NodeJS.ProcessEnv;
  /** Stdout is a terminal. */
  isTTY: boolean;
  /** A person can be asked: stdin and stdout are both a terminal. */
  canAsk: boolean;
  /**
   * Width of the terminal. Infinity without one: what is piped is neither cut nor wrapped, unless
   * whoever reads it says how wide their page is.
   */
  columns: number;
  /** What the process will exit with; the command that ran sets it. */
  exitCode: number;
  /** Aborted by Ctrl-C, for commands that listen. The first call starts listening. */
  interrupted(): AbortSignal;
}

/** Narrow enough for every terminal and log. */
export const usualColumns = 80;

/** Whether this stream is a terminal. The other one may lead to a file. */
export function isTerminal(io: Io, stream: NodeJS.WritableStream): boolean {
  if (stream === io.stdout && io.isTTY) return true;
  return (stream as Partial<NodeJS.WriteStream>).isTTY === true;
}

/** The terminal's present width; some report 0 when they do not know it. */
export function columnsOf(io: Pick<Io, 'stdout' | 'columns'>): number {
  return (io.stdout as Partial<NodeJS.WriteStream>).columns || io.columns || usualColumns;
}

export function processIo(): Io {
  let controller: AbortController | undefined;
  return {
    stdout: process.stdout,
    stderr: process.stderr,
    stdin: process.stdin,
    env: process.env,
    isTTY: process.stdout.isTTY === true,
    canAsk: process.stdin.isTTY === true && process.stdout.isTTY === true,
    columns: process.stdout.isTTY
      ? process.stdout.columns || Number(process.env['COLUMNS']) || usualColumns
      : Number(process.env['RUNBOOK_COLUMNS']) || Infinity,
    exitCode: 0,
    interrupted() {
      if (!controller) {
        const made = (controller = new AbortController());
        // `once`: the second Ctrl-C ends the process at once, as it would have without us.
        process.once('SIGINT', () => made.abort());
        process.once('SIGTERM', () => made.abort());
      }
      return controller.signal;
    },
  };
}
