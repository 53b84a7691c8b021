import type { Report } from '../../client/report/report.js';
import type { FollowingStep } from '../../common/view.js';
import type { Json } from '../../language/json.js';

/** Where a link or a picture of the hostile texts leads to. */
export const hostileAddress = 'http://127.0.0.1:9/x';

/**
 * What somebody may write into a reason or an input so that it is more than text somewhere: in a
 * terminal, in a log, in HTML, in Markdown.
 * @param address where links and pictures lead to
 */
export const hostileAt = (address: string): string[] => [
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  "' onmouseover='alert(1)",
  '</title></svg></pre></style><script>',
  '&lt;b&gt; &#60; &copy;',
  '| a | b |\n\n# Heading\n```\n[x](javascript:alert(1))',
  '\u001b[2J\u001b]0;title\u0007\u202egnp.exe\r\nfake: approve',
  'zero\u200bwidth \u2066turned\u2069 \u009b31m',
  `[Approve here](${address})`,
  `![](${address})`,
  `<img src="${address}">`,
  `<${address}> or ${address}`,
  `[ref][r]\n\n[r]: ${address}`,
  'mailto:somebody@there.example, www.there.example or somebody@there.example',
  '**bold** __b__ *i* ~~s~~ $x$',
  '`x` `` [a](http://b.c) ` \\`',
  '1. one\n- two\n> three\n\n---\n===\n<!-- -->',
  '\\| a \\\\| b | c',
  '<details open><summary>S</summary><a href="http://b.c">x</a>',
];

export const hostileTexts = hostileAt(hostileAddress);

/** Every text that comes from outside, replaced. */
export function withText(report: Report, change: (text: string) => string): Report {
  const json = (value: Json): Json =>
    typeof value === 'string'
      ? change(value)
      : Array.isArray(value)
        ? value.map(json)
        : value !== null && typeof value === 'object'
          ? Object.fromEntries(
              Object.entries(value).map(([key, inner]) => [`${change(key)} ${key}`, json(inner)]),
            )
          : value;
  const followed = (step: FollowingStep): FollowingStep => ({
    ...step,
    title: change(step.title),
    targets: step.targets.map(change),
    works: [{ action: { kind: 'notify', text: change('text') } }],
    undo: change('undo'),
  });
  const { view } = report;
  const problem = view.problem && { ...view.problem, message: change(view.problem.message) };
  return {
    ...report,
    view: {
      ...view,
      title: change(view.title),
      requester: change(view.requester),
      reason: change(view.reason),
      targets: view.targets.map(change),
      inputs: json(view.inputs) as Report['view']['inputs'],
      outputs: json(view.outputs) as Report['view']['outputs'],
      problem,
      steps: view.steps.map((step) => ({
        ...step,
        title: change(step.title),
        output: json(step.output),
      })),
      waitingFor: view.waitingFor.map((wait) => ({
        ...wait,
        title: change(wait.title),
        evidence: json(wait.evidence) as typeof wait.evidence,
        ...(wait.follows ? { follows: wait.follows.map(followed) } : {}),
      })),
      decisions: view.decisions.map((decision) => ({
        ...decision,
        by: change(decision.by),
        reason: change(decision.reason),
      })),
    },
    attempts: report.attempts.map((attempt) => ({
      ...attempt,
      title: change(attempt.title),
      host: change(attempt.host),
      worker: change(attempt.worker),
    })),
    history: report.history.map((entry) => ({
      ...entry,
      text: change(entry.text),
      ...(entry.follows ? { follows: entry.follows.map(followed) } : {}),
    })),
  };
}

/** Markdown without its fenced blocks. */
export function withoutBlocks(markdown: string): string {
  return markdown.replace(/^(`{3,})[^`\n]*\n[\s\S]*?\n\1$/gm, '(block)');
}

/** Markdown without its blocks and spans of code. */
export function withoutCode(markdown: string): string {
  return withoutBlocks(markdown).replace(/(?<!`)(`+)(?!`)[^\n]*?(?<!`)\1(?!`)/g, '(code)');
}
