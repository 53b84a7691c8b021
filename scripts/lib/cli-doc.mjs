/** docs/cli.md: what `runbook --help` and `runbook VERB --help` say, verb by verb. */

/** Width of the pages' help texts, in characters. */
const columns = 100;

/** @returns {Promise<string>} the page */
export async function cliPage() {
  const { createProgram } = await import('../../dist/client/program.js');
  let written = '';
  const stdout = { write: (text) => ((written += text), true) };
  const program = createProgram({
    stdout,
    stderr: stdout,
    env: {},
    isTTY: false,
    canAsk: false,
    columns,
    exitCode: 0,
  });
  const help = (command) => {
    written = '';
    command.outputHelp();
    return [
      '```',
      ...written
        .trimEnd()
        .split('\n')
        .map((line) => line.trimEnd()),
      '```',
    ];
  };
  return [
    '<!-- Written by `npm run docs` from the command line itself. -->',
    '',
    '# The command line',
    '',
    'In a clone the command is `./runbook`, installed it is `runbook`.',
    '',
    ...help(program),
    '',
    'These options are understood by every verb.',
    ...shown(program).flatMap((verb) => {
      // Said once, above.
      verb.configureHelp({ ...verb.configureHelp(), showGlobalOptions: false });
      return ['', `## ${verb.name()}`, '', ...help(verb)];
    }),
    '',
  ].join('\n');
}

/** The verbs for people: the shell's completion calls one that is not for them. */
function shown(program) {
  const isVerb = (command) => program.commands.includes(command);
  return program.createHelp().visibleCommands(program).filter(isVerb);
}
