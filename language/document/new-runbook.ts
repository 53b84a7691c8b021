import { inQuotes } from './yaml-errors.js';

/**
 * The text of its first test, which passes.
 * @param id of the runbook
 */
export function newRunbookTest(id: string): string {
  return `# Run it: runbook test ${id}.runbook.test.yaml
test: ${id}
given:
  inputs: { service: nginx }
  steps:
    before: { stdout: active }
cases:
  - case: the service is restarted, after somebody has approved
    expect:
      path: [before, restart]
      gates: [restart]
      state: succeeded
  - case: it does not come back, and people end the run
    given:
      steps:
        restart: { verify: { exitCode: 3 } }
    answer: { restart: [approve, abort] }
    expect: { state: failed }
  - case: nobody allows it
    answer: { restart: reject }
    expect: { path: [before], state: rejected }
`;
}

/**
 * The text of a first runbook: it lints clean, and each line is there to be changed.
 * @param id its id, which is the name of its file
 */
export function newRunbook(id: string, owner = 'sre'): string {
  const words = id.replaceAll(/[-_]/g, ' ');
  const title = words.charAt(0).toUpperCase() + words.slice(1);
  return `# yaml-language-server: $schema=./runbook.schema.json
# What everything means: docs/language.md. Check this file: runbook lint ${id}.runbook.yaml
runbook: ${id}
version: 0.1.0
title: ${/^[A-Z][a-z ]*$/.test(title) ? title : inQuotes(title)}
type: MAINTENANCE
priority: LOW
owner: ${owner}
inputs:
  service: { type: text, pattern: "[a-z][a-z0-9@._-]*", description: Name of the service }
steps:
  - id: before
    title: How is it now?
    command: systemctl is-active -- \${inputs.service}
    effect: read
    expect: { exit: [0, 3] }
  - id: restart
    title: Restart it
    approval: { by: ${owner}, evidence: { how it is now: "\${steps.before.stdout}" } }
    command: systemctl restart -- \${inputs.service}
    effect: change
    undo: { none: it runs as before }
    verify:
      command: systemctl is-active -- \${inputs.service}
      until: out.exitCode == 0
rollback: Nothing is to be undone.
`;
}
