import type { Asked } from '../language/runbook.js';
import type { Json, JsonObject } from '../language/json.js';
import { isObject } from '../language/objects.js';
import type { RunKey } from './keys.js';
import type { Sender } from './sender.js';
import type { Verdict } from './envelope.js';
import {
  aboutIn,
  goesOnAfter,
  rulesOfQuestion,
  type About,
  type AnswerVerb,
  type Deciders,
  type QuestionKind,
} from './questions.js';

/** What the run knows about one of its questions when a decision arrives. */
export interface QuestionFacts {
  kind: QuestionKind;
  /** The gate's or the step's path, or the id of the wait for targets. */
  id: string;
  /** From 1; 0 before it was asked. Each asking is a question of its own. */
  attempt: number;
  digest: string;
  state: 'pending' | 'waiting' | 'decided';
  verbs: readonly AnswerVerb[];
  /** `another`: the requester may not use some of the verbs. */
  deciders: Deciders;
  /** What has to be typed with an approval. */
  confirm?: string | undefined;
  /** Names of the output of a step that later steps need. */
  answers?: readonly string[];
  /** What may be answered, as it is declared. */
  fields?: Asked;
  /** Who holds the targets, in words. */
  held?: string;
  /** What it says of targets that other runs have taken over. Absent: nothing. */
  lost?: string | undefined;
  /** Who decided and how, once decided. */
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
  /** Where the start was sent from. Absent: not stated. */
  sender?: Sender | undefined;
  questions: QuestionFacts[];
  /** True once the run can no longer be cancelled. */
  ended: boolean;
  life: LifeFacts;
  /** `id` is the sender's; the run gives one to a signal without. */
  decisions: { id: string; received: Json; signal: string; at: string }[];
}

export interface JudgeAnswer {
  verdicts: Verdict[];
}

export function isAbout({ kind, id }: QuestionFacts, about: About): boolean {
  return rulesOfQuestion(kind).about === about.kind && id === about.id;
}

/** Whether what a signal brought, which may be anything, asks for the run to go on. */
export function letsGoOn(received: Json, questions: readonly QuestionFacts[]): boolean {
  if (!isObject(received)) return false;
  const about = aboutIn(received['about']);
  const asked = about && questions.find((question) => isAbout(question, about));
  return asked ? goesOnAfter(asked.kind, received['verb']) : false;
}
