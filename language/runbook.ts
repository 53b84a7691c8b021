import type { Condition } from './condition.js';
import type { Expression } from './expression/ast.js';
import type { Json, JsonObject } from './json.js';
import type { StepKind } from './kinds/index.js';
import type { RunBy } from './pipeline.js';

/*
 * Words (the same in code, command line, docs and database):
 *   runbook  a procedure: typed inputs, steps, approvals, verification, rollback
 *   target   a named thing that runbooks act on, declared in targets.yaml
 *   plan     a runbook with its inputs resolved, frozen at the start, named by its digest
 *   run      one execution of a plan = one Temporal workflow
 *   step     a unit of work with an id; attempt: one try of it
 *   gate     a place where the run waits for people; a decision is approve or reject
 *   effect   what a step does to the world: read, change or destroy
 *   undo     the step's compensation; rollback = undos in reverse order
 */

export const runbookTypes = [
  'INCIDENT_RESPONSE',
  'MAINTENANCE',
  'DISASTER_RECOVERY',
  'DEPLOYMENT',
  'TROUBLESHOOTING',
  'BACKUP_RESTORE',
] as const;
export type RunbookType = (typeof runbookTypes)[number];

export const priorities = ['CRITICAL', 'HIGH', 'MEDIUM', 'LOW'] as const;
export type Priority = (typeof priorities)[number];

export const effects = ['read', 'change', 'destroy'] as const;
export type Effect = (typeof effects)[number];

/**
 * One declared input. A missing `default` makes it required unless `optional`. Durations are text
 * such as `5m`.
 */
export type InputSpec = {
  description: string;
  optional?: boolean;
  /** The default, made of the inputs before it. */
  computed?: Json;
} & (
  | {
      type: 'target';
      /** Its kind, or several that fit. */
      kind: string | readonly string[];
      default?: string;
      /** A drill only reads it: a drill may name one that is not isolated. */
      observed?: boolean;
      /** Facts of the target that name programs which the runbook runs. */
      programs?: readonly string[];
    }
  | { type: 'text'; default?: string; pattern?: string; maxLength?: number }
  | { type: 'integer' | 'number'; default?: number; minimum?: number; maximum?: number }
  | { type: 'boolean'; default?: boolean }
  | { type: 'duration'; default?: string }
  /**
   * A point in time, to the microsecond, in UTC; `or` are words that may stand for one, such as
   * `latest`.
   */
  | { type: 'instant'; default?: string; or?: readonly string[] }
  | { type: 'choice'; options: readonly string[]; default?: string }
  | ({ type: 'list'; default?: readonly Json[] | 'all' } & ItemSpec)
  | { type: 'object'; default?: JsonObject }
);

/** What the items of a list are. `all` is every target of the kind. */
export interface ItemSpec {
  /** Their type, or the types of their fields. Absent: anything. */
  of?: string | Readonly<Record<string, string>>;
  kind?: string | readonly string[];
  options?: readonly string[];
  pattern?: string;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
}

/**
 * How often a failing step is retried, and after which waits. Failures of class `permanent` are
 * never retried.
 */
export interface RetrySpec {
  /** Attempts in all, the first included. */
  attempts: number;
  /** Wait before the second attempt. */
  initialMs?: number;
  /** Each wait is this many times the one before. */
  factor?: number;
  maxMs?: number;
}

/** What people are asked for, by the names of their answers. */
export type Asked = Readonly<Record<string, InputSpec>>;

/** One way that a branch may take. */
export interface Case {
  case: string;
  title: string;
  when?: Expression;
}

/**
 * The declaration of a step: shown by `show` and `plan`, frozen into the plan.
 */
export interface StepSpec {
  id: string;
  title: string;
  kind: StepKind;
  effect: Effect;
  description?: string;
  /** Limit of one attempt. */
  timeoutMs?: number;
  retry?: RetrySpec;
  /**
   * What to do when the step has failed for good; default `ask`. An unknown outcome always asks.
   * `capture`: its failure is its answer, which later steps look at. `end`, which admission writes:
   * its failure ends the nested runbook that it is part of, and is the answer of that.
   */
  onFailure?: 'ask' | 'abort' | 'rollback' | 'continue' | 'capture' | 'end';
  /**
   * Names of the output that later steps need: the step cannot be skipped, and people who do it by
   * hand give them.
   */
  answers?: readonly string[];
  /** What people answer, declared as inputs are; those that are needed are in `answers`, too. */
  asked?: Asked;
  /** What the undo does, in words. Absent: nothing has to be undone. */
  undo?: string;
  /** Why nothing undoes it, in its author's words. */
  noUndo?: string;
  /** It, with all inside it, is undone when the group around it ends, however that ends. */
  temporary?: true;
  /** Once it has begun, nothing before it can be undone any more. */
  pointOfNoReturn?: boolean;
  /** For `manual`: what people are to do; it may have expressions in it. */
  instructions?: Json;
  /** Steps inside a `group`, `parallel`, `forEach` or `runbook`. */
  steps?: readonly StepSpec[];
  /**
   * What the step does, when the runbook is data; in a code-first runbook the code decides it.
   */
  work?: WorkTemplate;
  /**
   * The step begins only when this holds (on `inputs.x`, `steps.y.z`, `item`); else it is not
   * needed.
   */
  when?: Expression;
  /** For `forEach`: a list, or a reference to one. */
  items?: Json;
  /** For `forEach`: a second name for `item`. */
  as?: string;
  /** For `forEach`: the text that names an item in paths. Absent: the items are such texts. */
  key?: Expression;
  /**
   * For `forEach`: so many items, or so many of a hundred (`20%`), may fail, and nobody is asked.
   * Absent: none, and the step that fails is a matter of its own.
   */
  maxFailures?: number | string;
  /** For `forEach`: once it holds behind an item, the others are not needed. */
  stopWhen?: Expression;
  /** For `forEach`: how many items at once (default 10). */
  concurrency?: number;
  /** For `runbook`: the nested one, and its inputs; admission inserts its steps. */
  runbook?: string;
  inputs?: JsonObject;
  /** For `set`: its outputs, as expressions. */
  values?: JsonObject;
  /** For `choice`: the first case that is true is taken; one without a condition is. */
  cases?: readonly Case[];
  /** For `choice`: people take the case that is true, or another one. */
  confirm?: true;
  /** For `wait`: how long. */
  forMs?: number;
  /** For `wait`: until when, or how long, where an expression says it. */
  until?: Json;
  /**
   * For groups: outputs beside the steps inside, which these expressions name. Of several the first
   * counts that can be told; what cannot be told is left out. Of a nested runbook: its outputs.
   */
  outputs?: Readonly<Record<string, readonly Expression[]>>;
  /** For `succeed` and `fail`: what is told, which may have expressions in it. */
  message?: Json;
  /** For `fail`: what people are to do. */
  hint?: string;
  /** For `approval` and `manual`: what people must see, by name. */
  evidence?: JsonObject;
  /**
   * The clock that its time counts for when a recovery is measured: by default `execute`, at gates
   * always `approve`.
   */
  clock?: 'decide' | 'verify';
  /** Only for a pipeline that is run in one of these ways. Absent: in any. */
  runBy?: readonly RunBy[];
  /** For `approval`: who may decide. `another` refuses the requester. */
  approvers?: 'another' | 'anyone';
  /** For `approval`: how long the gate waits before the run is rejected; absent waits for ever. */
  deadlineMs?: number;
}

/**
 * What a step of a runbook that is data does. Any value in it may be a reference: `{"$":
 * "inputs.pipeline"}`.
 */
export interface WorkTemplate {
  /** An `Action`, but for its references. */
  action: JsonObject;
  expect?: readonly { condition: Condition; otherwise: string; next?: string }[];
  /** The outputs of the step, from its whole answer. Absent: all that it answers. */
  outputs?: Readonly<Record<string, Condition>>;
  /** The limit of one attempt, where an expression says it; a duration. */
  timeout?: Json;
  /** A `CheckAction`. */
  verify?: JsonObject;
  /** A `CheckAction`. */
  check?: JsonObject;
  /** An `Action`. */
  undo?: JsonObject;
  /** What people do to undo it, where no program can. */
  undoByHand?: Json;
}

/** How long a failed system may be down, and how much accepted data may be lost, in minutes. */
export interface Objective {
  rtoMinutes: number;
  rpoMinutes: number;
}

/** A runbook as data: everything that can be known without running it. */
export interface RunbookSpec {
  id: string;
  version: string;
  title: string;
  summary: string;
  type: RunbookType;
  priority: Priority;
  tags: readonly string[];
  owners: readonly string[];
  /** Names of the channels that are told when a run needs people. Absent: those of its targets. */
  notify?: readonly string[];
  expectedMinutes: number;
  inputs: Readonly<Record<string, InputSpec>>;
  prerequisites: readonly string[];
  steps: readonly StepSpec[];
  /** The objectives of a recovery, overall and for services that have their own. */
  objectives?: Objective & { services?: Readonly<Record<string, Objective>> };
  /** How old its last drill may be, in days. Absent: no drill is required. */
  drillEveryDays?: number;
  verification: string;
  rollback: string;
  /**
   * True when the steps are data, which the interpreter runs. Absent: code orders them.
   */
  data?: true;
  /** It stands inside other runbooks only: it is neither listed nor started. */
  part?: true;
  /** The run's outputs, as references; only where the steps are data too. */
  outputs?: JsonObject;
}
