import type { RunKey } from '../../common/keys.js';
import { digestOf, shortDigest } from '../../language/digest.js';
import type { JsonObject } from '../../language/json.js';
import { platformActivities } from './activities.js';
import type { Turn } from './turn.js';

/** What a run knows of lost targets, as the next execution gets it. */
export interface CarriedLosses {
  text: string;
  isSuspected: boolean;
}

/**
 * Targets that other runs have taken over while this one goes on. Its questions are asked again and
 * show them; an answer that lets the run go on claims them again.
 */
export class Losses {
  private text: string;
  private suspected: boolean;

  constructor(
    private readonly deps: { key: RunKey; turn: Turn },
    before: CarriedLosses = { text: '', isSuspected: false },
  ) {
    this.text = before.text;
    this.suspected = before.isSuspected;
  }

  carry(): CarriedLosses {
    return { text: this.text, isSuspected: this.suspected };
  }

  /** Somebody says that a target may be lost: anybody can, so the record is asked. */
  suspect(): void {
    this.suspected = true;
  }

  get isSuspected(): boolean {
    return this.suspected;
  }

  /** Asks the record. What was lost once stays known: approvals before it are void. */
  async look(): Promise<void> {
    this.suspected = false;
    const { key, turn } = this.deps;
    const { text } = await turn.trackInFlight(() => platformActivities.lost({ version: 1, key }));
    if (text !== '') this.text = text;
  }

  /** What questions say of it; undefined when nothing was lost. */
  get told(): string | undefined {
    return this.text === '' ? undefined : this.text;
  }

  /** Identifies what was lost; empty when nothing was. */
  get mark(): string {
    return this.text === '' ? '' : `${targetsLost}${shortDigest(digestOf(this.text))}`;
  }

  /**
   * What people have to see of it.
   * @param answers those that let the run go on, in words; empty: none does
   */
  evidence(answers: string): JsonObject {
    if (this.text === '') return {};
    return {
      'target lost': this.text,
      ...(answers === '' ? {} : { [answers]: refusedMeanwhile }),
    };
  }
}

const refusedMeanwhile =
  'refused as long as that run goes on; afterwards it claims the target again';

/** Separates the mark of lost targets from what stands before it. */
export const targetsLost = ' without lost targets ';
