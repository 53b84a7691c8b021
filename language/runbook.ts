import type { Condition } from './condition.js';
import type { Json, JsonObject } from './json.js';

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

/** The kinds whose work is one Temporal activity. */
export const actionKinds = [
  'command',
  'sql',
  'http',
  'check',
  'notify',
  'traffic',
  'analysis',
  'rollout',
] as const;
export type ActionKind = (typeof actionKinds)[number];
/** The kinds that hold steps of their own. */
export const groupKinds = ['parallel', 'forEach', 'runbook'] as const;
/** All kinds of step. `decide` is pure code of the procedure, `manual` is done by people. */
export const stepKinds = [...actionKinds, 'approval', 'manual', 'decide', ...groupKinds] as const;
export type StepKind = (typeof stepKinds)[number];

/** Is its work one Temporal activity? */
export function isActionKind(kind: string): kind is ActionKind {
  return (actionKinds as readonly string[]).includes(kind);
}

/** Does a step of this kind hold steps of its own? */
export function isGroup(kind: StepKind): boolean {
  return (groupKinds as readonly StepKind[]).includes(kind);
}

/**
 * One declared input. A missing `default` makes it required unless `optional`. Durations are text
 * such as `5m`.
 */
export type InputSpec = { description: string; optional?: boolean } & (
  | {
      type: 'target';
      kind: string;
      default?: string;
      /**
       * The runbook only looks at it when it is drilled: a drill may name one that is not isolated.
       */
      observed?: boolean;
      /** Its facts that each name a program which the runbook runs. */
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
);

/**
 * How often and how patiently a failing step is tried again. Failures of class `permanent` are
 * never tried again.
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

/**
 * What a runbook declares of a step before any run: shown by `show` and `plan`, frozen into the
 * plan.
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
   * What becomes of the run when the step has failed for good; `ask` unless said. What is unknown
   * always asks.
   */
  onFailure?: 'ask' | 'abort' | 'rollback' | 'continue';
  /**
   * Names of the output that later steps need: the step cannot be skipped, and whoever did it by
   * hand gives them.
   */
  answers?: readonly string[];
  /** What taking the step back does, in words; absent means that nothing has to be taken back. */
  undo?: string;
  /** Once it has begun, nothing before it can be taken back any more. */
  pointOfNoReturn?: boolean;
  /** For `manual`: what people are to do. */
  instructions?: string;
  /** Steps inside a `parallel`, `forEach` or `runbook`. */
  steps?: readonly StepSpec[];
  /**
   * What the step does, when the runbook is data; the code of a code-first runbook says it
   * otherwise.
   */
  work?: WorkTemplate;
  /**
   * Begins only when it holds on what is known then (`inputs.x`, `steps.y.z`, `item`); else the
   * step is not needed.
   */
  when?: Condition;
  /** For `forEach`: a list of texts, or a reference to one. */
  items?: Json;
  /** For `forEach`: how many items at once; 10 unless said. */
  concurrency?: number;
  /** For `runbook`: the nested one, and its inputs; admission puts its steps in place. */
  runbook?: string;
  inputs?: JsonObject;
  /** For `approval` and `manual`: what people must see, by name. */
  evidence?: JsonObject;
  /**
   * What its time counts as, where a recovery is measured; `execute` unless said, and `approve` at
   * every gate.
   */
  clock?: 'decide' | 'verify';
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
  /** A `CheckAction`. */
  verify?: JsonObject;
  /** A `CheckAction`. */
  check?: JsonObject;
  /** An `Action`. */
  undo?: JsonObject;
}

/** How long what failed may be away, and how much of what was accepted may be lost, in minutes. */
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
  expectedMinutes: number;
  inputs: Readonly<Record<string, InputSpec>>;
  prerequisites: readonly string[];
  steps: readonly StepSpec[];
  /** What a recovery has to reach, in all and for each service that has an objective of its own. */
  objectives?: Objective & { services?: Readonly<Record<string, Objective>> };
  /** How old its last drill may be, in days. Absent: nobody has to drill it. */
  drillEveryDays?: number;
  verification: string;
  rollback: string;
  /**
   * True when the steps are data, which the interpreter does; false and absent: code orders them.
   */
  data?: true;
  /** What a run hands to whoever started it, as references; only where the steps are data too. */
  outputs?: JsonObject;
}

/** A secret by name; workers hold the value. */
export interface SecretRef {
  secret: string;
}

/** What programs of sites and deployers answer; common/answers.ts says what each of them holds. */
export type AnswerName =
  | 'site-look'
  | 'site-backups'
  | 'site-drained'
  | 'site-restored'
  | 'site-files'
  | 'deployer-artefact'
  | 'deployer-running'
  | 'deployer-backup'
  | 'deployer-started'
  | 'deployer-version';

export interface CommandAction {
  kind: 'command';
  /** Program and arguments; never a shell line. */
  argv: readonly string[];
  /**
   * Places of the arguments that inputs or outputs decided: data only, never an option, never code.
   */
  given?: readonly number[];
  env?: Readonly<Record<string, string | SecretRef>>;
  /** The target that the command acts on; secrets in `env` must be allowed for it. */
  target?: string;
  cwd?: string;
  /** Exit codes that count as success; 0 unless said. */
  exitCodes?: readonly number[];
  /**
   * Its last line is an answer that code reads: read whole on the worker, checked, and given as
   * `answer` of the output. Has to be there when the program ends with 0; else it is null.
   */
  answer?: AnswerName;
  /** Doing it twice is as good as once: when its host is gone, it is done again on another. */
  idempotent?: boolean;
  /**
   * The run itself brings or changes the program before: what is approved says nothing of its
   * content.
   */
  programMayChange?: boolean;
}

export interface SqlStatement {
  text: string;
  values?: readonly Json[];
  /**
   * The output key that holds this statement's rows; unnamed statements keep their row count only.
   */
  as?: string;
}

/** All statements run in one transaction; a step of effect `read` runs READ ONLY. */
export interface SqlAction {
  kind: 'sql';
  target: string;
  statements: readonly SqlStatement[];
  statementTimeoutMs?: number;
  lockTimeoutMs?: number;
  isolation?: 'read committed' | 'repeatable read' | 'serializable';
}

export interface HttpAction {
  kind: 'http';
  target: string;
  method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /**
   * Path on the target's own address, such as `/jobs/{job}/status`; `{x}` is taken from `params`,
   * encoded.
   */
  path: string;
  params?: Readonly<Record<string, string | number>>;
  query?: Readonly<Record<string, string | number>>;
  headers?: Readonly<Record<string, string>>;
  json?: Json;
  /** Sends `Idempotency-Key: <run>/<step>`: the same for every attempt. */
  idempotencyKey?: boolean;
  /** The service does the same request twice as if it came once. */
  idempotent?: boolean;
  /** Statuses that count as success; 200-299 unless said. */
  statuses?: readonly number[];
  /**
   * Output name → path in the JSON answer; use it when the answer may be large. Absent: the whole
   * body, capped.
   */
  pick?: Readonly<Record<string, string>>;
}

/** Polls `probe` until `until` holds (success) or `failWhen` holds (failure of class permanent). */
export interface CheckAction {
  kind: 'check';
  probe: CommandAction | SqlAction | HttpAction;
  until: Condition;
  failWhen?: Condition;
  everyMs: number;
  /** Output paths shown as progress while polling. */
  progress?: readonly string[];
}

/**
 * A message to people, sent to a target of kind `webhook`; without a target it is kept in the
 * report only.
 */
export interface NotifyAction {
  kind: 'notify';
  target?: string;
  text: string;
  fields?: JsonObject;
}

/** A place in a proxy's pool: what runs there, and its share of the users' requests. */
export interface TrafficServer {
  /** As the proxy calls it, such as `blue`. */
  name: string;
  /**
   * Such as `10.0.0.7:8080`, `[2001:db8::7]:8080` or `unix:/run/app.sock`; null when nothing runs
   * there.
   */
  address: string | null;
  /** Its share against the others', 0 to 256; 0: no new requests. */
  weight: number;
}

/**
 * Talks to the proxy in front of a target: the running one, and what it says afterwards is what
 * counts.
 */
export interface TrafficAction {
  kind: 'traffic';
  /** Its facts say which proxy stands in front of it. */
  target: string;
  /**
   * observe: what the proxy says now; set: makes it do what `servers` say, and reads back that it
   * does; drain: no new requests to `servers`, then waits until none is under way there.
   */
  operation: 'observe' | 'set' | 'drain';
  /** Others stay as they are. For `drain` the weights are not looked at. */
  servers?: readonly TrafficServer[];
  /**
   * For `drain`: how long requests under way may take, in milliseconds; then it is over all the
   * same, and says so.
   */
  limitMs?: number;
}

/**
 * Measures what a release does to users, against the one that it is to replace; what to make of it
 * is not its business.
 */
export interface AnalysisAction {
  kind: 'analysis';
  /** As for `traffic`. */
  target: string;
  /** The server with the release that is looked at; several are measured as one. */
  candidate: string | readonly string[];
  /** The server to compare it with, or several, while both have requests. */
  baseline?: string | readonly string[];
  /** What they run, for sources that are asked by version. */
  versions?: { candidate: string; baseline?: string };
  /**
   * How long to measure, in milliseconds; it is over sooner when the limits are already broken
   * beyond doubt.
   */
  windowMs: number;
  /** How much longer to wait for enough requests, in milliseconds. */
  patienceMs?: number;
  limits: AnalysisLimits;
  /** What the baseline did before, for when it has no requests of its own any more. */
  before?: AnalysisNumbers | null;
  /** What the proxy was told: nothing is measured while it does something else. */
  expected?: ExpectedTraffic;
}

/** What a run has set at a proxy. */
export interface ExpectedTraffic {
  servers: readonly TrafficServer[];
  /** Which process of the proxy was told, as the step answered; null: a restart is no excuse. */
  started: string | null;
}

/** When a release is worse than the one before. */
export interface AnalysisLimits {
  /** Fewer requests in the window say nothing. */
  minRequests: number;
  /** How much larger the share of failed requests may be, 0 to 1. */
  errorRate: number;
  /** How many times as long the slowest twentieth may take. */
  latency: number;
}

/** What one server did in a window. */
export interface AnalysisNumbers {
  requests: number;
  errors: number;
  /** 95th percentile in milliseconds; null where nobody measures it. */
  p95Ms: number | null;
  /** Resident memory at the end of the window, in bytes; null where nobody tells. */
  memoryBytes: number | null;
}

/**
 * A Kubernetes Deployment as a run knows it: what is compared to tell whether somebody else has
 * changed it.
 */
export interface RolloutState {
  /** Counts the changes of its specification. */
  generation: number;
  /** Number of the revision in its rollout history. */
  revision: number;
  /** The specification, part by part: short values as they are, others by digest. */
  parts: Readonly<Record<string, string>>;
  /** Name of the autoscaler that decides how many pods there are; null when the Deployment does. */
  autoscaler: string | null;
}

/**
 * Does something to a target's Deployment with kubectl, unless somebody else has changed it since
 * the run last saw it.
 */
export interface RolloutAction {
  kind: 'rollout';
  /** Its facts name kubeconfig, context, namespace, deployment and container. */
  target: string;
  /**
   * observe: what runs; compare: is it still as `state` says; image: gives it `image`; scale: to
   * `replicas`; undo: back to the revision of `state`, if all that has changed since is `image`;
   * follow: waits until every pod is of the newest revision and available; watch: looks at the pods
   * for `limitMs`.
   */
  operation: 'observe' | 'compare' | 'image' | 'scale' | 'undo' | 'follow' | 'watch';
  /** The Deployment, where it is not the one that the facts name. */
  deployment?: string;
  /** As the run left it, or found it; what differs from it somebody else has done. */
  state?: RolloutState;
  image?: string;
  replicas?: number;
  /** How long to follow or to watch, in milliseconds. */
  limitMs?: number;
  /** ISO time from which `limitMs` counts; the beginning of the attempt unless said. */
  since?: string;
}

export type Action =
  | CommandAction
  | SqlAction
  | HttpAction
  | CheckAction
  | NotifyAction
  | TrafficAction
  | AnalysisAction
  | RolloutAction;
