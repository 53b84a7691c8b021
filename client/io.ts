/** Everything a command reads and writes, so that tests can hand in their own. */
export interface Io {
  stdout: NodeJS.WritableStream;
  stderr: NodeJS.WritableStream;
  stdin: NodeJS.ReadableStream;
  env: NodeJS.ProcessEnv;
  /** A person looks at stdout. */
  isTTY: boolean;
  /** A person can be asked: stdin and stdout are both a terminal. */
  canAsk: boolean;
  /** Width of the text. */
  columns: number;
  /** What the process will exit with; the command that ran sets it. */
  exitCode: number;
  /** Aborted by Ctrl-C, for commands that listen. The first call starts listening. */
  interrupted(): AbortSignal;
}

/** Narrow enough for every terminal and log. */
const defaultColumns = 80;

export function processIo(): Io {
  let controller: AbortController | undefined;
  return {
    stdout: process.stdout,
    stderr: process.stderr,
    stdin: process.stdin,
    env: process.env,
    isTTY: process.stdout.isTTY === true,
    canAsk: process.stdin.isTTY === true && process.stdout.isTTY === true,
    columns: process.stdout.columns ?? defaultColumns,
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
