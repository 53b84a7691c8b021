import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Engine } from '../helpers/engine.js';
import { getRun } from '../../store/index.js';
import { exitCodes } from '../../client/exit-codes.js';
import { Cli, type CliAnswer } from './cli.js';
import { nothing } from '../helpers/shell.js';

/** Calls at once. */
const atOnce = 20;

export interface DuplicateResult {
  /** Rounds in each of which one start, and one decision, were sent many times at once. */
  rounds: number;
  sent: number;
  /** Calls that said that they had started the run. */
  started: number;
  runs: number;
  /** Decisions in the record, and what they let happen. */
  decisions: number;
  effects: number;
  /** Calls that were not answered as they should. */
  wrong: string[];
}

export interface RaceResult {
  gates: number;
  /** Decisions that were accepted. */
  accepted: number;
  approved: number;
  /** Of those that lost, how many were told who had decided. */
  toldWho: number;
  /** Runs that did not do as the accepted decision says. */
  wrong: string[];
}

/**
 * The same start and the same decision many times at once; then gates that two people decide at
 * once.
 */
export async function duplicates(
  rounds: number,
  gates: number,
): Promise<{ same: DuplicateResult; races: RaceResult; seconds: number }> {
  const began = performance.now();
  const engine = await Engine.start();
  const cli = new Cli(engine);
  try {
    const same: DuplicateResult = {
      rounds,
      sent: 0,
      started: 0,
      runs: 0,
      decisions: 0,
      effects: 0,
      wrong: [],
    };
    for (let round = 1; round <= rounds; round += 1) await manyTimes(engine, cli, same);
    const races: RaceResult = { gates, accepted: 0, approved: 0, toldWho: 0, wrong: [] };
    for (let gate = 1; gate <= gates; gate += 1) await race(engine, cli, races);
    return { same, races, seconds: Math.round((performance.now() - began) / 1_000) };
  } finally {
    await engine.stop();
  }
}

async function manyTimes(engine: Engine, cli: Cli, result: DuplicateResult): Promise<void> {
  const run = `same-${randomUUID().slice(0, 8)}`;
  const journal = engine.path(`${run}.txt`);
  const input = { journal, last: nothing };
  const starts = await times(() =>
    cli.start({ runbook: 'test-gated', id: run, input, as: 'requester', reason: 'a test' }),
  );
  const told = starts.map(({ text }) => JSON.parse(text) as { runId: string; started: boolean });
  result.started += told.filter(({ started }) => started).length;
  result.runs += new Set(told.map(({ runId }) => runId)).size;

  const handle = engine.client.workflow.getHandle(run);
  await engine.waiting(handle);
  const decision = {
    verb: 'approve',
    run,
    as: 'approver',
    reason: 'it looks right',
    decisionId: randomUUID(),
  } as const;
  const answers = await times(() => cli.decide(decision));
  result.wrong.push(...answers.filter(({ code }) => code !== exitCodes.ok).map(({ text }) => text));
  await engine.ended(handle);
  const view = await getRun(engine.pool, run);
  result.decisions += view?.decisions.length ?? 0;
  result.effects += (await lines(journal)).filter((line) => line === 'after').length;
  result.sent += 2 * atOnce;
}

async function race(engine: Engine, cli: Cli, result: RaceResult): Promise<void> {
  const run = `race-${randomUUID().slice(0, 8)}`;
  const journal = engine.path(`${run}.txt`);
  const envelope = engine.envelope('test-gated', { journal, last: nothing }, run);
  const { taskQueue } = engine;
  const handle = await engine.client.workflow.start('test-gated', {
    workflowId: run,
    taskQueue,
    args: [envelope],
  });
  await engine.waiting(handle);
  const people = [
    { verb: 'approve', as: 'alice' },
    { verb: 'reject', as: 'bob' },
  ] as const;
  const answers = await Promise.all(
    people.map((person) => cli.decide({ ...person, run, about: 'gate', reason: 'at once' })),
  );
  const winner = people[answers.findIndex(({ code }) => code === exitCodes.ok)];
  result.accepted += answers.filter(({ code }) => code === exitCodes.ok).length;
  const losers = answers.filter(({ code }) => code === exitCodes.denied);
  result.toldWho += losers.filter(({ text }) => winner && text.includes(winner.as)).length;
  await engine.ended(handle);
  const approved = winner?.verb === 'approve';
  if (approved) result.approved += 1;
  const wanted = approved ? ['before', 'after'] : ['before', 'undo before'];
  const found = await lines(journal);
  if (found.join() !== wanted.join())
    result.wrong.push(`${run}: ${winner?.as} won, and it did ${found.join()}`);
  for (const { code, text } of losers.length === 1 ? [] : answers)
    result.wrong.push(`${run}: ${code} ${text}`);
}

function times(call: () => Promise<CliAnswer>): Promise<CliAnswer[]> {
  return Promise.all(Array.from({ length: atOnce }, call));
}

async function lines(file: string): Promise<string[]> {
  return (await readFile(file, 'utf8').catch(() => '')).split('\n').filter(Boolean);
}
