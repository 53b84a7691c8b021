import { z } from 'zod';
import { parseJson } from '../../../language/json.js';
import type { AnalysisNumbers } from '../../../language/kinds/delivery/analysis.js';
import type { TargetDeclaration } from '../../../language/targets-file.js';
import { parseUrl } from '../../../language/url.js';
import { StepFailure } from '../../failure.js';
import type { AttemptContext } from '../../handler.js';
import { filledPromql } from './placeholders.js';
import type { Answer, Group, MetricsSource, Span, Readings } from './readings.js';

/*
 * Prometheus' HTTP API, which Thanos, Mimir and VictoriaMetrics speak too: one instant query for
 * each number, all at the same time.
 */

const answerMs = 5_000;
const query = z.string().min(1).max(4_000);

const facts = z.strictObject({
  url: z.string().refine((text) => {
    const url = parseUrl(text);
    return url !== null && /^https?:$/.test(url.protocol) && !text.includes('@');
  }, 'must be an http or https address without a user'),
  /** Name of the secret that is sent as bearer token. */
  bearer: z.string().optional(),
  requests: query.optional(),
  error_ratio: query.optional(),
  p95: query.optional(),
  memory: query.optional(),
});
type Facts = z.infer<typeof facts>;

const answered = z.object({
  status: z.enum(['success', 'error']),
  error: z.string().optional(),
  warnings: z.array(z.string()).optional(),
  data: z.object({ resultType: z.string(), result: z.unknown() }).optional(),
});
const value = z.tuple([z.number(), z.string()]);
const vector = z.array(z.object({ value }));

/** @throws StepFailure Configuration */
export function prometheusSource(
  target: TargetDeclaration,
  context: AttemptContext,
): MetricsSource {
  const parsed = facts.safeParse(target.facts['prometheus']);
  const wrong = (message: string): StepFailure =>
    new StepFailure('Configuration', `facts.prometheus of target ${target.name}: ${message}`, {
      next: 'docs/deploying.md, "Where the numbers come from", shows what belongs there.',
    });
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw wrong([issue?.path.join('.'), issue?.message].filter(Boolean).join(': '));
  }
  const { data } = parsed;
  if ((data.requests === undefined) !== (data.error_ratio === undefined))
    throw wrong('requests and error_ratio belong together');
  const provides = (
    [
      ['requests', data.requests],
      ['errors', data.error_ratio],
      ['p95Ms', data.p95],
      ['memoryBytes', data.memory],
    ] as const
  ).flatMap(([name, asked]): (keyof AnalysisNumbers)[] => (asked === undefined ? [] : [name]));
  if (provides.length === 0) throw wrong('it asks for nothing');
  return new PrometheusApi(target.name, data, provides, context);
}

class PrometheusApi implements MetricsSource {
  readonly name: string;

  constructor(
    private readonly target: string,
    private readonly facts: Facts,
    readonly provides: readonly (keyof AnalysisNumbers)[],
    private readonly context: AttemptContext,
  ) {
    this.name = `Prometheus at ${facts.url}`;
  }

  async read(group: Group, span: Span, signal: AbortSignal): Promise<Answer> {
    const { requests, error_ratio: errorRatio, p95, memory } = this.facts;
    const warnings = new Set<string>();
    const one = async (
      name: string,
      asked: string | undefined,
    ): Promise<number | null | undefined> => {
      if (asked === undefined) return undefined;
      const answer = await this.ask(name, filledPromql(asked, group, span), span.until, signal);
      for (const warning of answer.warnings) warnings.add(this.context.secrets.quote(warning));
      return answer.number;
    };
    const [count, ratio, seconds, bytes] = await Promise.all([
      one('requests', requests),
      one('error_ratio', errorRatio),
      one('p95', p95),
      one('memory', memory),
    ]);
    const readings: Readings = {};
    if (count !== undefined && ratio !== undefined) {
      if (ratio !== null && (ratio < 0 || ratio > 1.001))
        throw this.misconfigured(
          'error_ratio',
          `answers ${ratio}, and a ratio lies between 0 and 1`,
        );
      readings.requests = count === null ? null : Math.round(count);
      readings.errors =
        count === null || ratio === null ? null : Math.round(count * Math.min(ratio, 1));
    }
    if (seconds !== undefined)
      readings.p95Ms = seconds === null ? null : Math.round(seconds * 1_000_000) / 1_000;
    if (bytes !== undefined) readings.memoryBytes = bytes;
    return { readings, warnings: [...warnings] };
  }

  /** @returns null when there is no data: an empty answer, NaN or infinity. @throws StepFailure */
  private async ask(
    name: string,
    text: string,
    at: Date,
    signal: AbortSignal,
  ): Promise<{ number: number | null; warnings: string[] }> {
    const { status, body } = await this.get(text, at, signal);
    const parsed = answered.safeParse(body);
    const said = this.context.secrets.quote(parsed.data?.error ?? '');
    if (status === 401 || status === 403) {
      throw new StepFailure('HttpDenied', `${this.name} refuses to answer: ${status} ${said}`, {
        next:
          'Name the secret of its token in facts.prometheus.bearer, ' +
          'and let it go to this target in secrets.yaml.',
      });
    }
    if (status === 408 || status === 429 || status >= 500)
      throw new StepFailure('HttpUnavailable', `${this.name} answers ${status} ${said}`.trim());
    if (!parsed.success)
      throw this.misconfigured(
        name,
        `got ${status} and a body that is no answer of Prometheus' API`,
      );
    const { data, warnings = [] } = parsed.data;
    if (parsed.data.status === 'error' || !data)
      throw this.misconfigured(name, `is refused: ${said}`);
    const numbers =
      data.resultType === 'scalar' ? [value.parse(data.result)] : this.samples(name, data);
    if (numbers.length > 1)
      throw this.misconfigured(
        name,
        `answers ${numbers.length} series, and one is needed: combine them with sum or max`,
      );
    const number = Number(numbers[0]?.[1] ?? NaN);
    return { number: Number.isFinite(number) ? number : null, warnings };
  }

  private samples(
    name: string,
    { resultType, result }: { resultType: string; result: unknown },
  ): z.infer<typeof value>[] {
    const parsed = vector.safeParse(result);
    if (resultType === 'vector' && parsed.success) return parsed.data.map((sample) => sample.value);
    throw this.misconfigured(name, `answers a ${resultType}, and one number is needed`);
  }

  /** @throws StepFailure Unreachable, Configuration (secret) */
  private async get(
    text: string,
    at: Date,
    signal: AbortSignal,
  ): Promise<{ status: number; body: unknown }> {
    const { url, bearer } = this.facts;
    const address = new URL(url);
    address.pathname = `${address.pathname.replace(/\/$/, '')}/api/v1/query`;
    address.searchParams.set('query', text);
    address.searchParams.set('time', String(at.getTime() / 1_000));
    address.searchParams.set('timeout', `${answerMs}ms`);
    const token =
      bearer === undefined ? undefined : await this.context.secrets.resolve(bearer, this.target);
    try {
      const response = await fetch(address, {
        headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
        // The token must not travel to another address.
        redirect: 'error',
        signal: AbortSignal.any([signal, AbortSignal.timeout(answerMs)]),
      });
      const body = await response.text();
      return { status: response.status, body: jsonOf(body) };
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      const { cause, name } = error as { cause?: NodeJS.ErrnoException; name: string };
      const why =
        cause?.code ??
        cause?.message ??
        (name === 'TimeoutError' ? `no answer within ${answerMs / 1_000} s` : 'no answer');
      throw new StepFailure('Unreachable', `${this.name} does not answer (${why})`);
    }
  }

  private misconfigured(name: string, what: string): StepFailure {
    return new StepFailure(
      'Configuration',
      `facts.prometheus.${name} of target ${this.target} ${what}`,
      {
        next: 'Try the query in Prometheus, and correct it in targets.yaml.',
      },
    );
  }
}

function jsonOf(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return null;
  }
}
