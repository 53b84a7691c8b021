/** The same effects as the code of `test-effects`, told by a runbook in a file. */
export const effectsFile = {
  'chaos-effects.runbook.yaml': `
runbook: chaos-effects
version: 1.0.0
title: Effects that a file describes
type: MAINTENANCE
priority: LOW
owner: test
inputs:
  rounds: { type: list, of: text, description: The number of each round }
  journal: { type: text, maxLength: 400, description: A file }
  database: { type: target, kind: webhook, default: database, description: Where rows are counted }
  service: { type: target, kind: webhook, default: service, description: Where requests are }
steps:
  - id: round
    title: Each round
    forEach: \${inputs.rounds}
    as: nth
    steps:
      - id: line
        title: Write a line
        script: sleep 0.1; echo "$1" >> "$2"
        args: ["\${run.id} \${nth}", "\${inputs.journal}"]
        effect: change
        undo: { none: it is counted }
      - id: row
        title: Write a row
        sql: INSERT INTO effects (id) VALUES ($1)
        values: ["\${run.id} \${nth}"]
        target: database
        effect: change
        undo: { none: it is counted }
      - id: request
        title: Send a request
        http: POST /honours
        body: { id: "\${run.id} \${nth}" }
        idempotencyKey: true
        target: service
        effect: change
        undo: { none: it is counted }
`,
};
