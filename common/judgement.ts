import type { Json, JsonObject } from '../language/json.js';
import type { RunKey } from './keys.js';
import type { DeskVerb, Verdict } from './envelope.js';

/** What the run knows about one of its gates when a decision arrives. */
export interface GateFacts {
  id: string;
  attempt: number;
  digest: string;
  state: 'pending' | 'waiting' | 'decided';
  /** `another`: the requester may not decide. */
  approvers: 'another' | 'anyone';
  /** What an approver has to type. */
  confirm?: string | undefined;
  /** Who decided and how, once decided. */
  decidedBy: string | null;
  decidedVerb: string | null;
}

/** What the run knows about a step that waits at the desk, or did. */
export interface DeskFacts {
  /** Path. */
  step: string;
  attempt: number;
  digest: string;
  state: 'waiting' | 'decided';
  /** The verbs that may answer it. Absent, in requests of older runs: all. */
  verbs?: readonly DeskVerb[];
  /** `another`: the requester may not retry it. Absent: any operator may. */
  approvers?: 'another' | undefined;
  /** Names of the output that later steps need. */
  answers: readonly string[];
  decidedBy: string | null;
  decidedVerb: string | null;
}

/** What the run as a whole is doing when a decision arrives. */
export interface LifeFacts {
  paused: boolean;
  rollingBack: boolean;
  /** Steps under way. */
  running: readonly string[];
  /** Paths that can be undone, in the order in which they would be. */
  undos: readonly string[];
  /** The inputs below: as given at the start, with later changes. */
  runbook: string;
  inputs: JsonObject;
}

/** What the run knows about its wait for targets that other runs hold. */
export interface LeaseFacts {
  /** Id of the wait. */
  id: string;
  attempt: number;
  digest: string;
  state: 'waiting' | 'decided';
  /** Who has them, in words. */
  held: string;
  decidedBy: string | null;
}

/** A signal that is no decision, but is recorded too. */
export interface SignalNote {
  /** Unique in the run. */
  id: string;
  signal: string;
  /** ISO time. */
  at: string;
}

/** A batch of decisions in order of arrival, with everything that a verdict depends on. */
export interface JudgeRequest {
  version: 1;
  key: RunKey;
  requester: string;
  gates: GateFacts[];
  /** Absent in requests of runs that began before there was a desk. */
  desk?: DeskFacts[];
  /** Null or absent: the run has not waited for a target. */
  lease?: LeaseFacts | null;
  /** True once the run can no longer be cancelled. */
  ended: boolean;
  /** Absent in requests of older runs. */
  life?: LifeFacts | undefined;
  /** `id` is the sender's; the run gives one to a signal without. */
  decisions: { id: string; received: Json; signal: string; at: string }[];
}

export interface JudgeAnswer {
  verdicts: Verdict[];
}
