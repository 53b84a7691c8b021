import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { messageNames, workflowTaskTimeout } from '../../common/defaults.js';
import type { StartEnvelope } from '../../common/envelope.js';
import { verbsFor } from '../../common/questions.js';
import type { Json, JsonObject } from '../../language/json.js';
import { programFolder } from '../../worker/config.js';
import { Engine } from '../helpers/engine.js';
import type { rogue, rogueBorder } from './rogue.js';
import type { Call } from './strangers.js';
import { withoutPlan } from './without-plan.js';

/*
 * Workflow code on the worker's own task queue that is not ours, and asks for what it likes.
 */

/** A command that writes its first argument into the file that is its last. */
export const writing = (...args: Json[]): JsonObject => ({
  kind: 'command',
  argv: ['/bin/sh', '-c', 'echo "$1" >> "$2"; echo "$1"', 'sh', ...args],
});
export const journal = { $: 'inputs.journal' };
export const item = { kind: 'command', effect: 'change', retry: { attempts: 1 } };
export const word = { $: 'inputs.word' };
/** What all runbooks here have in common. */
export const about = {
  ...{ version: '1.0.0', title: 'A plan', summary: 'A plan.' },
  ...{ type: 'MAINTENANCE', priority: 'LOW', tags: [], owners: ['test'], expectedMinutes: 1 },
  ...{ prerequisites: [], verification: 'none', rollback: 'none' },
  inputs: {
    journal: { type: 'text', description: 'a file', maxLength: 400 },
    word: { type: 'text', description: 'a word', default: 'old' },
  },
};
export const gate = { id: 'gate', kind: 'approval', effect: 'read', approvers: 'anyone' };

/** Asks for a step. */
export const ask = (path: string, action: JsonObject, change: JsonObject = {}): Call => {
  const { request, ...step } = change;
  return {
    activity: 'command',
    request: {
      ...{ version: 1, step: { path, title: 'T', kind: 'command', effect: 'change', ...step } },
      ...{ action, expect: [], attempts: 1, timeoutMs: 10_000, ...(request as JsonObject) },
    },
  };
};
export const given = (action: JsonObject, ...places: number[]): JsonObject => ({
  ...action,
  given: places,
});

let decided = 0;
/** Has a decision of its own judged good. */
export const decide = (run: string, decision: JsonObject): Call => {
  const { attempt = 1 } = decision;
  const { id = 'gate' } = (decision['about'] ?? {}) as JsonObject;
  const fact = {
    ...{ id, attempt, digest: 'd', state: 'waiting', deciders: 'anyone' },
    ...{ decidedBy: null, decidedVerb: null },
  };
  const received = {
    ...{ version: 1, id: `forged-${(decided += 1)}`, run },
    ...{ by: 'nobody', reason: 'forged', attempt: 1, digest: 'd', ...decision },
  };
  return {
    activity: 'judge',
    request: {
      ...{ version: 1, requester: 'requester', ended: false },
      questions: [
        { kind: 'approval', ...fact, verbs: verbsFor('approval') },
        { kind: 'failure', ...fact, verbs: verbsFor('failure'), answers: [] },
      ],
      life: {
        ...{ paused: false, rollingBack: false, running: [], undos: [] },
        ...{ runbook: 'rogue-gated', inputs: { journal: 'x' } },
      },
      decisions: [
        { id: received.id, received, signal: messageNames.decide, at: new Date().toISOString() },
      ],
    },
  };
};
export const approve = (run: string, id = 'gate'): Call =>
  decide(run, { verb: 'approve', about: { kind: 'gate', id } });

/** The run tells the record that its gate asks. */
export const asked = (run: string, change: JsonObject): Call => {
  const opening = {
    ...{ deadline: null, evidence: {}, command: '', ...change },
    ...{ verbs: verbsFor('approval'), deciders: 'anyone' },
  };
  const at = new Date().toISOString();
  const view = {
    ...{ id: run, runbook: 'rogue-gated', runbookVersion: '1.0.0', title: 'A plan' },
    ...{ type: 'MAINTENANCE', priority: 'LOW', targets: [], state: 'waiting', planDigest: '' },
    ...{ startedAt: at, endedAt: null, requester: 'requester', reason: 'test', inputs: {} },
    ...{ uiUrl: null, steps: [], decisions: [], outputs: {}, problem: null, source: 'temporal' },
    waitingFor: [
      { kind: 'approval', id: 'gate', title: 'T', since: at, who: 'anyone', ...opening },
    ],
  };
  return { activity: 'record', request: { version: 2, view, save: { number: 1, all: true } } };
};

/** The run tells the record that its gate asks, and what follows: step `after`. */
export const lists = (run: string, work: JsonObject): Call =>
  asked(run, {
    ...{ attempt: 1, digest: 'd' },
    follows: [
      {
        ...{ step: 'after', title: 'T', kind: 'command', effect: 'change', targets: [] },
        ...{ tried: 'once', works: [work] },
      },
    ],
  });

/** Each tries to have a line written into the file that it gets. */
export type Ways = Record<string, (file: string) => Promise<unknown>>;
type Calls = readonly Call[] | ((run: string) => Call[]);

export class Rogues {
  private files = 0;

  private constructor(
    readonly engine: Engine,
    private readonly folder: string,
  ) {}

  /** @param runbooks gets a folder for programs */
  static async start(runbooks: (folder: string) => readonly object[]): Promise<Rogues> {
    const folder = await mkdtemp(join(tmpdir(), 'runbook-rogue-'));
    const target = 'kind: service, environment: test';
    const engine = await Engine.start({
      targets: `targets: { mine: { ${target} }, other: { ${target} } }\n`,
      procedures: join(programFolder, 'test', 'attacks', 'rogue.js'),
      plans: runbooks(folder),
    });
    return new Rogues(engine, folder);
  }

  async stop(): Promise<void> {
    await this.engine.stop();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** @returns what its activities answered */
  asks(
    runbook: string,
    inputs: JsonObject,
    calls: Calls,
    start: Partial<StartEnvelope> = {},
  ): Promise<Json[]> {
    const envelope = { ...this.engine.envelope(runbook, inputs), ...start };
    const wanted = typeof calls === 'function' ? calls(envelope.run) : [...calls];
    return this.engine.client.workflow.execute<typeof rogue>('rogue', {
      ...{ workflowId: envelope.run, taskQueue: this.engine.taskQueue, args: [envelope, wanted] },
      workflowTaskTimeout,
    });
  }

  /** Our own code goes on from a state that it never was in. */
  async afterForgedBorder(
    runbook: string,
    file: string,
    forge: Parameters<typeof rogueBorder>[1],
  ): Promise<void> {
    const { client, taskQueue } = this.engine;
    const envelope = this.engine.envelope(runbook, { journal: file });
    await client.workflow.start<typeof rogueBorder>('rogueBorder', {
      ...{ workflowId: envelope.run, taskQueue, args: [envelope, forge] },
      workflowTaskTimeout,
    });
    const chain = client.workflow.getHandle(envelope.run);
    await this.engine.asksOrEnds(chain);
    await chain.terminate();
  }

  async lines(file: string): Promise<string[]> {
    return (await readFile(file, 'utf8').catch(() => '')).split('\n').filter(Boolean);
  }

  /** Counts the ways that had an effect, and those that have one without what guards. */
  async effectsOf(ways: Ways): Promise<{ guarded: string[]; open: string[] }> {
    const guarded = await this.acting(ways);
    const off = withoutPlan();
    try {
      return { guarded, open: await this.acting(ways) };
    } finally {
      off.restore();
    }
  }

  /** @returns the names of those that had an effect */
  async acting(ways: Ways): Promise<string[]> {
    const found: string[] = [];
    for (const [name, way] of Object.entries(ways)) {
      const file = this.engine.path(`rogue-${(this.files += 1)}.txt`);
      await way(file);
      if ((await this.lines(file)).length > 0) found.push(name);
    }
    return found;
  }
}
