/**
 * Ends the process with the exit code of a demo, or says in one line why it stopped.
 * @param demo resolves to its exit code
 */
export function exitWith(demo: Promise<number>): void {
  demo.then(
    (code) => {
      process.exitCode = code;
    },
    (error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error);
      process.stderr.write(`The demo stopped: ${reason}\n`);
      process.exitCode = 1;
    },
  );
}
