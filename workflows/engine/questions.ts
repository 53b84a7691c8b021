import type { DecisionEnvelope } from '../../common/envelope.js';
import type { QuestionFacts } from '../../common/judgement.js';
import {
  answerCommand,
  deciders,
  rulesOfQuestion,
  type About,
  type QuestionKind,
} from '../../common/questions.js';
import type { WaitView } from '../../common/view.js';
import type { JsonObject } from '../../language/json.js';
import type { Board } from './board.js';
import { nextWake, waitTimes } from './clock.js';
import type { Losses } from './losses.js';
import type { Turn } from './turn.js';

/** A question to people, and its answer. Plain JSON: the next execution of the run gets it. */
export interface Question extends Omit<QuestionFacts, 'decidedBy' | 'decidedVerb'> {
  /** ISO time; null before it was asked. */
  since: string | null;
  decision: DecisionEnvelope | null;
}

/** What people are shown of a question. */
export interface Shown {
  title: string;
  evidence: JsonObject;
  /** What ends the wait, in words. Absent: those who may decide. */
  who?: string;
  deadlineMs?: number | undefined;
  follows?: WaitView['follows'];
}

/** How long a question stays open. Without a timer: until it is decided. */
interface Patience {
  /**
   * Wakes the run for the deadline and for reminders. Temporal shows the command at the timer, also
   * when no worker lives.
   */
  timer?: { deadlineMs: number | undefined } | undefined;
  /** True once something else is to be asked. */
  isOutdated: () => boolean;
}

interface Asking {
  board: Board;
  /** Workflow id. */
  run: string;
  /** Name of the command line in commands that we print. */
  command: string;
  save: () => Promise<void>;
  until: Turn['until'];
  /** True while a decision is being judged. */
  isJudging: () => boolean;
  losses: Losses;
}

/** How a question is asked until it is decided. */
interface Asked extends Patience {
  /** Opens it, or opens it anew where something else is to be asked. As `Questions.open`. */
  open: () => Promise<void>;
}

/**
 * All questions that a run asks people: gates, failed steps, failed undos, steps done by hand,
 * targets that another run holds. What is asked and what follows from the answer is in gates.ts,
 * desk.ts and lease.ts. The order is always: open, record, timer, close.
 */
export class Questions {
  private readonly all = new Map<string, { question: Question; onDecided: () => void }>();
  /** Questions were closed that nobody has answered: the record has them open still. */
  private hasClosedUnanswered = false;
  /** The same of those whose first save was still under way. */
  private hasClosedUnrecorded = false;
  private readonly unrecorded = new Set<Question>();

  constructor(private readonly asking: Asking) {}

  /**
   * From here on the judge knows the question. Another one with its id is replaced.
   * @param onDecided called when a good decision has come
   */
  add(question: Question, onDecided: () => void = () => undefined): void {
    this.all.set(question.id, { question, onDecided });
  }

  facts(): QuestionFacts[] {
    return [...this.all.values()].map(({ question }) => factsOf(question));
  }

  /** Takes a decision that was judged good. */
  decide({ kind, id }: About, decision: DecisionEnvelope): void {
    const question = this.all.get(id)?.question;
    const isAnswer = question && rulesOfQuestion(question.kind).about === kind;
    if (isAnswer && question.attempt === decision.attempt) this.answer(question, decision);
  }

  /** A decision about the whole run answers every open question of a kind. */
  answerAll(kind: QuestionKind, decision: DecisionEnvelope): void {
    for (const { question } of this.all.values())
      if (question.kind === kind) this.answer(question, decision);
  }

  /** The procedure is over: closes its questions. Those of undos stay open. */
  closeAll(): void {
    for (const { question } of this.all.values())
      if (question.kind !== 'undo') question.state = 'decided';
    this.asking.board.closeWaits((wait) => wait.kind === 'undo');
  }

  /**
   * Shows the question.
   * @param isNew false when an earlier execution has asked and recorded it
   * @returns resolves when the record has the question
   */
  open(question: Question, shown: Shown, isNew: boolean): Promise<void> {
    const { board, save } = this.asking;
    const { kind, id, attempt, digest, verbs, confirm, answers, fields } = question;
    const since = question.since as string;
    const { deadline } = waitTimes(Date.parse(since), shown.deadlineMs);
    question.state = 'waiting';
    board.openWait({
      kind,
      id,
      title: shown.title,
      since,
      deadline: deadline === null ? null : new Date(deadline).toISOString(),
      who: shown.who ?? deciders[question.deciders],
      deciders: question.deciders,
      verbs,
      attempt,
      digest,
      evidence: shown.evidence,
      follows: shown.follows,
      confirm,
      ...(answers === undefined ? {} : { answers }),
      ...(fields === undefined ? {} : { fields }),
      command: this.commandFor(question),
    });
    if (!isNew) return Promise.resolve();
    this.unrecorded.add(question);
    return save().then(() => void this.unrecorded.delete(question));
  }

  /**
   * Asks until people have decided the question, or its deadline has passed; anew when something
   * else is to be asked, or when a target may have been lost.
   */
  async ask(question: Question, { open, timer, isOutdated }: Asked): Promise<void> {
    const { losses } = this.asking;
    const patience = { timer, isOutdated: () => losses.isSuspected || isOutdated() };
    let saved = open();
    try {
      while ((await this.answered(question, patience)) === 'outdated') {
        await saved;
        if (losses.isSuspected) await losses.look();
        else saved = open();
      }
    } finally {
      this.close(question);
    }
    await saved;
  }

  /** Waits until people have decided the question, or its deadline has passed. */
  private async answered(
    question: Question,
    { timer, isOutdated }: Patience,
  ): Promise<'decided' | 'expired' | 'outdated'> {
    const { until, isJudging } = this.asking;
    const isDecided = (): boolean => question.decision !== null;
    // A decision that is being judged answers the question as it was.
    const isOver = (): boolean => isDecided() || (isOutdated() && !isJudging());
    const summary = this.commandFor(question);
    for (;;) {
      if (isDecided()) return 'decided';
      if (isOver()) return 'outdated';
      if (!timer) {
        await until(isOver);
        continue;
      }
      const ms = nextWake(
        Date.now(),
        waitTimes(Date.parse(question.since as string), timer.deadlineMs),
      );
      if (ms > 0) await until(isOver, { ms, summary });
      // A decision that arrived before the deadline counts, even when it is judged after it.
      else if (isJudging()) await until(() => !isJudging());
      else return 'expired';
    }
  }

  /**
   * Saves the closing of questions that nobody has answered, so that nobody is called for them.
   * @param isEnded a decision has ended the run: the record has closed what it had by then
   */
  async saveClosed(isEnded = false): Promise<void> {
    const isDue = isEnded ? this.hasClosedUnrecorded : this.hasClosedUnanswered;
    this.hasClosedUnanswered = false;
    if (isDue) await this.asking.save();
  }

  close(question: Question): void {
    question.state = 'decided';
    // The record itself closes the wait for targets that the run has acquired.
    if (question.decision === null && question.kind !== 'lease') {
      this.hasClosedUnanswered = true;
      this.hasClosedUnrecorded ||= this.unrecorded.has(question);
    }
    this.asking.board.closeWait(question.id);
  }

  private commandFor(question: Question): string {
    const { command, run } = this.asking;
    return answerCommand(command, run, question, rulesOfQuestion(question.kind).verbs[0]);
  }

  private answer(question: Question, decision: DecisionEnvelope): void {
    if (question.state !== 'waiting' || question.decision) return;
    question.state = 'decided';
    question.decision = decision;
    this.all.get(question.id)?.onDecided();
  }
}

function factsOf({
  kind,
  id,
  attempt,
  digest,
  state,
  verbs,
  deciders,
  confirm,
  answers,
  fields,
  held,
  lost,
  decision,
}: Question): QuestionFacts {
  return {
    ...{ kind, id, attempt, digest, state, verbs, deciders, confirm },
    ...(answers === undefined ? {} : { answers }),
    ...(fields === undefined ? {} : { fields }),
    ...(held === undefined ? {} : { held }),
    ...(lost === undefined ? {} : { lost }),
    decidedBy: decision?.by ?? null,
    decidedVerb: decision?.verb ?? null,
  };
}
