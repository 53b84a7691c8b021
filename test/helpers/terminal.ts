import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** What a person types once a prompt is shown. */
export type Typing = readonly [prompt: RegExp, text: string];

/**
 * Runs a command line in a shell on a terminal of its own, as somebody who has copied it.
 * @param typing in the order of the prompts
 */
export async function onTerminal(
  command: string,
  env: Record<string, string>,
  typing: readonly Typing[],
): Promise<{ code: number | null; shown: string }> {
  const child = spawn('script', ['-qec', command, '/dev/null'], {
    env: { ...env, SHELL: '/bin/sh', TERM: 'xterm' },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let [shown, answered] = ['', 0];
  const left = [...typing];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    shown += text;
    const [next] = left;
    if (!next?.[0].test(shown.slice(answered))) return;
    left.shift();
    answered = shown.length;
    child.stdin.write(`${next[1]}\r`);
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, shown };
}
