import { parseJson } from '../../../language/json.js';
import { StepFailure } from '../../failure.js';
import type { AttemptContext, Handler } from '../../handler.js';
import type { ClusterFacts } from './facts.js';

/** How long the API server may take for one answer. */
const answer = '20s';
/** Marks our changes in the managed fields of an object. */
export const fieldManager = 'durable-runbooks';

/**
 * kubectl against one namespace of one cluster; every call is a supervised command, its arguments
 * an array.
 */
export class Kubectl {
  private reads = 0;

  constructor(
    private readonly facts: ClusterFacts,
    private readonly context: AttemptContext,
    private readonly command: Handler<'command'>,
  ) {}

  /**
   * The JSON that a reading call answers with.
   * @throws StepFailure CommandFailed, CommandMissing
   */
  async read<T>(...args: readonly string[]): Promise<T> {
    const { context } = this;
    const chunks: Buffer[] = [];
    // Run as a poll of a check: it only reads, so it adds no output and is not taken over.
    const quiet: AttemptContext = {
      ...context,
      effect: 'read',
      poll: (this.reads += 1),
      resumedFrom: null,
      output: (stream, chunk) => {
        if (stream === 'stdout') chunks.push(Buffer.from(chunk));
      },
    };
    await this.command(
      { kind: 'command', argv: this.argv([`--request-timeout=${answer}`, ...args, '-o', 'json']) },
      quiet,
    );
    const said = Buffer.concat(chunks).toString('utf8');
    try {
      return parseJson(said) as T;
    } catch {
      throw new StepFailure(
        'CommandFailed',
        `kubectl ${args.join(' ')} answered no JSON: ` +
          `${JSON.stringify(context.secrets.quote(said))}`,
      );
    }
  }

  /**
   * The one call of this attempt that is more than a read. When a previous worker started it on
   * this host, that call is followed to its end instead. @param signal ends the call when it is
   * aborted
   */
  async run(args: readonly string[], signal: AbortSignal = this.context.signal): Promise<void> {
    await this.command({ kind: 'command', argv: this.argv(args) }, { ...this.context, signal });
  }

  private argv(args: readonly string[]): string[] {
    const { kubectl, kubeconfig, context, namespace } = this.facts;
    return [
      kubectl,
      `--kubeconfig=${kubeconfig}`,
      `--context=${context}`,
      `--namespace=${namespace}`,
      ...args,
    ];
  }
}
