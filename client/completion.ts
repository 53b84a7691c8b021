import type { Argument, Command, Option } from 'commander';

/*
 * Shell completion. The scripts pass each word of the command line as one argument: pressing the
 * tab key never evaluates what somebody has typed.
 */

const bash = `# Completes runbook in bash. Load it with: source <(runbook completion bash)
_runbook() {
  local value _
  COMPREPLY=()
  while IFS=$'\\t' read -r value _; do
    COMPREPLY+=("$value")
  done < <("\${COMP_WORDS[0]}" complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _runbook runbook ./runbook
`;

const zsh = `#compdef runbook
# Completes runbook in zsh. Put it into a folder of your fpath as _runbook.
_runbook() {
  local -a found
  local value text
  while IFS=$'\\t' read -r value text; do
    found+=("\${value//:/\\\\:}:$text")
  done < <("\${words[1]}" complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)
  (( \${#found} )) && _describe 'runbook' found || _files
}
if [ "$funcstack[1]" = "_runbook" ]; then _runbook; else compdef _runbook runbook; fi
`;

const fish = `# Completes runbook in fish. Put it into ~/.config/fish/completions/runbook.fish
function __runbook_complete
  set -l words (commandline -opc) (commandline -ct)
  command $words[1] complete -- $words[2..-1] 2>/dev/null
end
complete -c runbook -f -a '(__runbook_complete)'
`;

const scripts: Readonly<Record<string, string>> = { bash, zsh, fish };

/** The script by which a shell calls us for each completion. */
export function completionScript(shell: string): string {
  return scripts[shell] ?? '';
}

export interface Suggestion {
  value: string;
  description: string;
}

/** What is there to choose from; each is asked for only where one may stand. */
export interface Choices {
  runs(): Promise<Suggestion[]>;
  runbooks(): Promise<Suggestion[]>;
}

/**
 * The candidates for the last word.
 * @param words the words after `runbook`; the last one is being typed and may be empty
 */
export async function suggest(
  program: Command,
  words: readonly string[],
  choices: Choices,
): Promise<Suggestion[]> {
  // Bash hands over `--output=json` as three words.
  const typed = words.filter((word) => word !== '=');
  const current = words.at(-1) === '=' ? '' : (typed.pop() ?? '');
  const verb = program.commands.find(
    (command) => typed.includes(command.name()) && !isHidden(command),
  );
  const offered = await candidates(program, verb, typed, current, choices);
  return offered.filter(({ value }) => value.startsWith(current));
}

async function candidates(
  program: Command,
  verb: Command | undefined,
  typed: readonly string[],
  current: string,
  choices: Choices,
): Promise<Suggestion[]> {
  const options = [...(verb?.options ?? []), ...program.options].filter((option) => !option.hidden);
  const before = typed.at(-1);
  const asked = before === undefined ? undefined : options.find((option) => isFlag(option, before));
  if (asked && (asked.required || asked.optional)) return valuesOf(asked, choices);
  if (current.startsWith('-'))
    return options.map((option) => ({
      value: option.long ?? option.short ?? '',
      description: option.description,
    }));
  if (!verb)
    return program.commands
      .filter((command) => !isHidden(command))
      .map((command) => ({ value: command.name(), description: command.description() }));
  const given = positionals(typed.slice(typed.indexOf(verb.name()) + 1), options);
  const argument = verb.registeredArguments[given];
  return argument ? argumentValues(argument, choices) : [];
}

function valuesOf(option: Option, choices: Choices): Promise<Suggestion[]> | Suggestion[] {
  if (option.long === '--runbook') return choices.runbooks();
  return (option.argChoices ?? []).map((value) => ({ value, description: '' }));
}

async function argumentValues(argument: Argument, choices: Choices): Promise<Suggestion[]> {
  if (argument.argChoices) return argument.argChoices.map((value) => ({ value, description: '' }));
  if (argument.name() === 'runbook') return choices.runbooks();
  if (argument.name() !== 'run') return [];
  return [{ value: '@latest', description: 'the newest run' }, ...(await choices.runs())];
}

/** How many words are arguments: neither a flag nor the value of one. */
function positionals(words: readonly string[], options: readonly Option[]): number {
  let count = 0;
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index] ?? '';
    const option = options.find((each) => isFlag(each, word));
    if (option?.required || option?.optional) index += 1;
    else if (!word.startsWith('-')) count += 1;
  }
  return count;
}

function isFlag(option: Option, word: string): boolean {
  return word === option.long || word === option.short;
}

function isHidden(command: Command): boolean {
  return (command as unknown as { _hidden?: boolean })._hidden === true;
}
