/** The ten wrong runbooks of the design, each with the message that people get. */
export const tenWrong: readonly { file: string; text: string; message: string }[] = [
  {
    file: 'restart.runbook.yaml',
    text: `steps:
  - id: grep
    script: |
      grep "\${inputs.pattern}" /var/log/app.log
    effect: read
`,
    message: `restart.runbook.yaml:4:13: error: an expression is not allowed in a script: its value would be run as shell  [no-expression-in-script]
   4 |       grep "\${inputs.pattern}" /var/log/app.log
     |             ^^^^^^^^^^^^^^^^^
     = pass it as an argument and read it as "$1":
            script: grep -- "$1" /var/log/app.log
            args: ["\${inputs.pattern}"]`,
  },
  {
    file: 'scale.runbook.yaml',
    text: `steps:
  - id: measure
    use: m-cpu
    target: metrics
  - id: scale
    when: steps.mesure.value > 0.7
    runbook: part-scale-and-wait
`,
    message: `scale.runbook.yaml:6:17: error: there is no step "mesure" before this one  [unknown-step]
   6 |     when: steps.mesure.value > 0.7
     |                 ^^^^^^
     = did you mean steps.measure?`,
  },
  {
    file: 'scale.runbook.yaml',
    text: `inputs:
  max: { type: integer, default: 10, description: Maximum number of instances }
steps:
  - id: agree
    when: inputs.max > "8"
    approval: { by: sre }
`,
    message: `scale.runbook.yaml:5:11: error: cannot compare an integer with a text (integer > text)  [expression-type]
   5 |     when: inputs.max > "8"
     |           ^^^^^^^^^^^^^^^^
     = write inputs.max > 8`,
  },
  {
    file: 'renew.runbook.yaml',
    text: `steps:
  - id: redirect
    when: !inputs.internal
    command: curl -sI http://example.net/
    effect: read
`,
    message: `renew.runbook.yaml:3:11: error: YAML reads a value that starts with ! as a tag, and tags are not allowed  [yaml-tag]
   3 |     when: !inputs.internal
     |           ^^^^^^^^^^^^^^^^
     = quote it: when: "!inputs.internal"`,
  },
  {
    file: 'pods.runbook.yaml',
    text: `steps:
  - id: pods
    command: [kubectl, get, pods, -l, \${inputs.selector}]
    effect: read
`,
    message: `pods.runbook.yaml:3:40: error: inside [ ] and { } an expression must be quoted; YAML reads { as a map  [quote-expression]
   3 |     command: [kubectl, get, pods, -l, \${inputs.selector}]
     |                                        ^^^^^^^^^^^^^^^^^
     = write "\${inputs.selector}", or the command on one line (\`runbook lint --fix\` does it)`,
  },
  {
    file: 'label.runbook.yaml',
    text: `steps:
  - id: cordon
    title: Keep new pods off the node
    command: kubectl cordon \${inputs.node}
    effect: change
`,
    message: `label.runbook.yaml:5:13: error: step cordon changes something but has neither undo nor pointOfNoReturn  [undo-missing]
   5 |     effect: change
     |             ^^^^^^
     = write undo: { command: "kubectl uncordon \${inputs.node}" }, or undo: { none: why }`,
  },
  {
    file: 'logs.runbook.yaml',
    text: `steps:
  - id: errors
    command: journalctl -u api -n 500 | grep -c ERROR
    effect: read
`,
    message: `logs.runbook.yaml:3:39: error: a command is a program and its arguments; "|" has no meaning there  [command-is-no-shell]
   3 |     command: journalctl -u api -n 500 | grep -c ERROR
     |                                       ^
     = use script: if you need a shell`,
  },
  {
    file: 'watch.runbook.yaml',
    text: `steps:
  - id: healthy
    http: GET /health
    until: out.status == 200
    timeout: 90
`,
    message: `watch.runbook.yaml:5:14: error: 90 what? A duration needs a unit  [duration-unit]
   5 |     timeout: 90
     |              ^^
     = write 90s or 90m`,
  },
  {
    file: 'tree.runbook.yaml',
    text: `inputs:
  host: { type: target, kind: host, description: The host with the disk }
steps:
  - id: left
    title: How much is free?
    use: df
    target: host
    runsOn: host
    with: { mount: /var }
  - id: cause
    title: What is it?
    branch:
      - { case: default, steps: [] }
      - case: disk-full
        when: steps.left.free_percent < 5
  - id: act
    title: Make room
    when: steps.cause.case == "disk-full"
    manual: Delete what nobody needs.
`,
    message: `tree.runbook.yaml:14:9: error: case disk-full can never be taken: the case before it has no \`when\` and matches everything  [unreachable]
  14 |       - case: disk-full
     |         ^^^^^^^^^^^^^^^
     = move case default to the end`,
  },
  {
    file: 'promote.runbook.yaml',
    text: `steps:
  - id: promote
    title: Promote the standby
    sql: SELECT pg_promote(true, 60)
    target: standby
    effect: destroy
    pointOfNoReturn: a new timeline begins
    approval: { by: [dba, dbamanager] }
`,
    message: `promote.runbook.yaml:8:27: error: no policy gives anybody the role "dbamanager": this gate could never be approved  [unknown-role]
   8 |     approval: { by: [dba, dbamanager] }
     |                           ^^^^^^^^^^
     = did you mean manager? Roles: oncall, sre, dba, data, security, release, owner, lead, manager`,
  },
];
