import type { Json } from '../../language/json.js';
import type { StepSpec } from '../../language/runbook.js';
import type { DecisionEnvelope } from '../../common/envelope.js';
import type { GateQuestion } from './gates.js';
import { ProcedureStopped } from './outcome.js';
import { inParallel } from './parallel.js';
import type { Run, Work } from './run.js';

/**
 * A nested runbook whose steps are ordered by code: the same few ways as a run has, for the steps
 * declared inside one of its steps. Gates in it hold back what is in it, and nothing else.
 */
export class Part {
  /** @param declared path of the step that holds it, as declared */
  constructor(
    private readonly run: Run,
    private readonly spec: StepSpec,
    private readonly declared: string,
  ) {}

  /** As `Run.step`. @throws StepFailed */
  async step<T extends Json = Json>(id: string, work: Work): Promise<T> {
    const at = `${this.declared}/${id}`;
    return (await this.run.perform(this.run.freshPath(at), this.own(id), at, work)) as T;
  }

  /** As `Run.parallel`. */
  async parallel<T extends Record<string, Json>>(
    id: string,
    parts: { [K in keyof T]: Work },
  ): Promise<T> {
    const at = `${this.declared}/${id}`;
    const spec = this.own(id);
    const path = this.run.freshPath(at);
    const names = Object.keys(parts);
    const one = (name: string) => (): Promise<Json> =>
      this.run.perform(`${path}/${name}`, ownOf(spec, name), `${at}/${name}`, parts[name] as Work);
    const outputs = await this.run.group(path, spec, () => inParallel(names.map(one)));
    return Object.fromEntries(names.map((name, index) => [name, outputs[index]])) as T;
  }

  /** As `Run.decide`. */
  decide<T extends Json>(id: string, choose: () => T): T {
    return this.run.choose(this.run.freshPath(`${this.declared}/${id}`), this.own(id), choose);
  }

  /** As `Run.gate`. @throws GateRejected */
  gate(id: string, question: GateQuestion): Promise<DecisionEnvelope | null> {
    return this.run.gate(`${this.declared}/${id}`, question);
  }

  /** As `Run.nested`. */
  nested<T>(id: string, procedure: (part: Part) => Promise<T>): Promise<T> {
    return nestedIn(this.run, `${this.declared}/${id}`, this.own(id), procedure);
  }

  /** As `Run.notNeeded`. */
  notNeeded(id: string, why: string): void {
    this.run.passBy(this.run.freshPath(`${this.declared}/${id}`), this.own(id), why);
  }

  private own(id: string): StepSpec {
    return ownOf(this.spec, id);
  }
}

/** Does the steps inside a declared step, shown as one. */
export function nestedIn<T>(
  run: Run,
  declared: string,
  spec: StepSpec,
  procedure: (part: Part) => Promise<T>,
): Promise<T> {
  return run.group(declared, spec, () => procedure(new Part(run, spec, declared)));
}

function ownOf(spec: StepSpec, id: string): StepSpec {
  const own = spec.steps?.find((candidate) => candidate.id === id);
  if (!own)
    throw new ProcedureStopped(
      `step ${spec.id}/${id} is not declared`,
      'Report this to the owners of the runbook.',
    );
  return own;
}
