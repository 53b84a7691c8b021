import type { Settled } from '../activities/settle.js';
import { admit, refuseInputs, type AdmissionDeps } from '../activities/admit.js';
import type { AdmitRequest } from '../activities/index.js';
import { judge } from '../activities/judge.js';
import type { AttemptRequest } from '../common/attempt.js';
import type { StartEnvelope } from '../common/envelope.js';
import type { JudgeRequest } from '../common/judgement.js';
import type { Problem } from '../common/view.js';
import type { GivenTarget } from '../language/document/schema/test.js';
import { targetsChosen } from '../language/inputs.js';
import type { Json, JsonObject } from '../language/json.js';
import { actionKinds } from '../language/kinds/index.js';
import type { RunbookSpec } from '../language/runbook.js';
import { targetsIn } from '../language/target-facts.js';
import {
  describedTarget,
  plannedTarget,
  type TargetDeclaration,
} from '../language/targets-file.js';
import type { ActivityFunction } from './driver/attempt.js';
import type { Play } from './play.js';

/*
 * The world of a run under test: real admission and real verdicts, no record, and steps that are
 * played.
 */

/** Who starts a run under test, and who answers it. */
export const people = { requester: 'requester', operator: 'operator' } as const;

/** Silence after which a worker counts as dead, in virtual milliseconds. */
const heartbeatMs = 10_000;

export interface World {
  /** The runbook, and those inside it. */
  catalogue: readonly RunbookSpec[];
  /** Of the start: they name the targets that there are. */
  inputs: JsonObject;
  /** What is said of targets; those that no input names are there, too. */
  targets?: Readonly<Record<string, GivenTarget>>;
}

function depsOf({ catalogue, inputs, targets = {} }: World): AdmissionDeps {
  return {
    catalogue,
    targets: new GivenTargets(declaredBy(catalogue[0], inputs, targets)),
    procedure: 'sha256:test',
    settings: { command: 'runbook', uiUrl: null, heartbeatMs, hostWaitMs: 120_000 },
  };
}

/** Why such a run would not be started; empty: it would. */
export function refusalsOf(world: World): Problem[] {
  const runbook = world.catalogue[0]?.id ?? '';
  const admission = admit(startOf(runbook, world.inputs), depsOf(world));
  if (admission.admitted) return [];
  return admission.problems ?? [admission.problem];
}

/** All activities of a run. */
export function activitiesOf(world: World, play: Play): Record<string, ActivityFunction> {
  const deps = depsOf(world);
  const steps = actionKinds.map((kind): [string, ActivityFunction] => [
    kind,
    (request: AttemptRequest, activity) => play.attempt(request, activity),
  ]);
  return {
    admit: ({ envelope }: AdmitRequest) => admit(envelope, deps),
    judge: (request: JudgeRequest) => judge(request, (...asked) => refuseInputs(deps, ...asked)),
    record: () => ({ incomplete: false }),
    refuse: () => undefined,
    settle: (): Settled => ({ state: 'ended' }),
    ...Object.fromEntries(steps),
  };
}

/** The start of a run under test. */
export function startOf(runbook: string, inputs: JsonObject): StartEnvelope {
  return {
    ...{ version: 1, id: 'start', verb: 'start', run: `${runbook}-test`, runbook, inputs },
    ...{ by: people.requester, reason: 'test' },
  };
}

/** Targets that the inputs name, and that are of the kinds that are wanted. */
class GivenTargets {
  constructor(private readonly declarations: readonly TargetDeclaration[]) {}

  list(): TargetDeclaration[] {
    return [...this.declarations];
  }

  find(name: string): TargetDeclaration | undefined {
    return this.declarations.find((each) => each.name === name);
  }

  get(name: string): TargetDeclaration {
    return this.find(name) ?? declared(name, 'unknown');
  }

  facts(): JsonObject {
    return targetsIn({ targets: this.declarations.map(describedTarget) });
  }

  planned(name: string): ReturnType<typeof plannedTarget> {
    return plannedTarget(this.get(name));
  }
}

function declaredBy(
  runbook: RunbookSpec | undefined,
  inputs: JsonObject,
  targets: Readonly<Record<string, GivenTarget>>,
): TargetDeclaration[] {
  const named = Object.entries(runbook?.inputs ?? {}).flatMap(([name, input]) => {
    const kind = [('kind' in input && input.kind) || 'unknown'].flat()[0] ?? 'unknown';
    const given = inputs[name] ?? (input.default as Json | undefined);
    // Otherwise it stands for all that there are.
    if (given === 'all') return [];
    return targetsChosen(input, given).map((each) => declared(each, kind, targets[each]));
  });
  const known = new Set(named.map(({ name }) => name));
  const others = Object.entries(targets)
    .filter(([name]) => !known.has(name))
    .map(([name, each]) => declared(name, 'unknown', each));
  return [...named, ...others];
}

function declared(name: string, kind: string, given: GivenTarget = {}): TargetDeclaration {
  return {
    name,
    kind: given.kind ?? kind,
    environment: given.environment ?? 'test',
    isolated: given.isolated ?? true,
    facts: (given.facts ?? {}) as TargetDeclaration['facts'],
  };
}
