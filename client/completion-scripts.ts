/*
 * What shells are given. The scripts pass each word of the command line as one argument: pressing
 * the tab key never evaluates what somebody has typed.
 */

const bash = `# Completes runbook in bash. Load it with: source <(runbook completion bash)
_runbook() {
  local value _
  COMPREPLY=()
  while IFS=$'\\t' read -r value _; do
    COMPREPLY+=("$value")
  done < <("\${COMP_WORDS[0]}" complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  # A name is typed on, with its value.
  [[ "\${COMPREPLY[0]}" == *= ]] && compopt -o nospace 2>/dev/null
  return 0
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
