import type { Random } from '../../testing/driver/random.js';

/*
 * What a plan must come to, said a second time and on its own: this file imports nothing of the
 * engine or the language. Plans are made at random from a seed; people and the outside world play a
 * script that is part of the plan.
 */

export type Answer = 'retry' | 'skip' | 'done' | 'rollback' | 'abort';

/** A step with all that will happen to it. */
export type ModelStep = { id: string; when?: boolean } & (
  | {
      kind: 'command';
      /** What each try comes to; after the last one, success. */
      tries: ('ok' | 'fails' | 'fails for good')[];
      attempts: number;
      onFailure: 'ask' | 'abort' | 'rollback' | 'continue';
      /** What people say each time that it asks; after the last one, retry. */
      answers: Answer[];
      undo: { tries: ('ok' | 'fails for good')[]; answers: Exclude<Answer, 'rollback'>[] } | null;
      pointOfNoReturn: boolean;
    }
  | { kind: 'approval'; approve: boolean }
  | { kind: 'manual'; answer: Exclude<Answer, 'retry'> }
  | { kind: 'parallel'; steps: ModelStep[] }
  | { kind: 'forEach'; items: string[]; steps: ModelStep[] }
  | { kind: 'runbook'; steps: ModelStep[] }
);

export interface Expected {
  state: string;
  /** Effects of the steps in order; those of a group in no order. */
  effects: (string | Set<string>)[];
  undone: string[];
  /** Final state of each step that was reached, by path. */
  steps: Record<string, string>;
}

/**
 * @param calm true inside groups that run at once, where nothing may end the run: what it cancels
 *   depends on time
 */
export function randomSteps(random: Random, depth = 0, calm = false): ModelStep[] {
  const pick = <T>(...options: T[]): T => options[Math.floor(random() * options.length)] as T;
  const count = 1 + Math.floor(random() * (depth === 0 ? 6 : 3));
  return Array.from({ length: count }, (_, index) => {
    const id = `s${index}`;
    const when = random() < 0.15 ? { when: random() < 0.5 } : {};
    const chance = random();
    if (chance < 0.1 && !calm) return { ...when, id, kind: 'approval', approve: random() < 0.85 };
    if (chance < 0.17)
      return {
        ...when,
        id,
        kind: 'manual',
        answer: pick('done', 'done', 'skip', calm ? 'done' : pick('rollback', 'abort')),
      };
    if (chance < 0.27 && depth < 2)
      return { ...when, id, kind: 'parallel', steps: randomSteps(random, depth + 1, true) };
    if (chance < 0.35 && depth < 2) {
      const items = ['one', 'two', 'three'].slice(0, Math.floor(random() * 4));
      return { ...when, id, kind: 'forEach', items, steps: randomSteps(random, depth + 1, true) };
    }
    if (chance < 0.45 && depth < 2)
      return { ...when, id, kind: 'runbook', steps: randomSteps(random, depth + 1, calm) };
    const tries = Array.from({ length: Math.floor(random() * 3) }, () =>
      pick<'ok' | 'fails' | 'fails for good'>('ok', 'fails', 'fails for good'),
    );
    const answers = Array.from({ length: Math.floor(random() * 3) }, () =>
      pick<Answer>('retry', 'skip', 'done', ...(calm ? [] : (['rollback', 'abort'] as const))),
    );
    return {
      ...when,
      id,
      kind: 'command',
      tries,
      attempts: 1 + Math.floor(random() * 2),
      onFailure: pick('ask', 'ask', 'continue', calm ? 'ask' : pick('abort', 'rollback')),
      answers,
      undo:
        random() < 0.6
          ? {
              tries: random() < 0.2 ? ['fails for good'] : [],
              answers: [pick('retry', 'skip', 'done', 'abort')],
            }
          : null,
      pointOfNoReturn: random() < 0.05 && !calm,
    };
  });
}

class Stopped extends Error {
  constructor(
    readonly state: string,
    readonly rollback: boolean,
  ) {
    super(state);
  }
}

/** What becomes of the plan. */
export function expectedOf(steps: readonly ModelStep[]): Expected {
  const result: Expected = { state: 'succeeded', effects: [], undone: [], steps: {} };
  let undos: { path: string; step: ModelStep & { kind: 'command' }; byHand?: true }[] = [];
  let exceptions = 0;
  try {
    sequence(steps, '', result.effects);
    if (exceptions > 0) result.state = 'succeeded-with-exceptions';
  } catch (stopped) {
    if (!(stopped instanceof Stopped)) throw stopped;
    result.state = stopped.state;
    if (stopped.rollback) rollBack();
    else if (stopped.state === 'rolled-back') result.state = 'failed';
  }
  return result;

  function sequence(inner: readonly ModelStep[], at: string, effects: Expected['effects']): void {
    for (const step of inner) one(step, `${at}${step.id}`, effects);
  }

  function one(step: ModelStep, path: string, effects: Expected['effects']): void {
    if (step.when === false) {
      result.steps[path] = 'not-needed';
      return;
    }
    switch (step.kind) {
      case 'approval':
        result.steps[path] = step.approve ? 'succeeded' : 'failed';
        if (!step.approve) throw new Stopped('rejected', true);
        return;
      case 'manual':
        return answered(step.answer, path);
      case 'command':
        return command(step, path, effects);
      default: {
        try {
          if (step.kind === 'runbook') sequence(step.steps, `${path}/`, effects);
          else {
            const inside: Expected['effects'] = [];
            for (const item of step.kind === 'forEach' ? step.items : ['']) {
              for (const each of step.steps)
                one(each, `${path}/${item ? `${item}/` : ''}${each.id}`, inside);
            }
            effects.push(
              new Set(
                inside.flatMap((effect) => (typeof effect === 'string' ? [effect] : [...effect])),
              ),
            );
          }
          result.steps[path] = 'succeeded';
        } catch (error) {
          result.steps[path] = 'failed';
          throw error;
        }
      }
    }
  }

  function command(
    step: ModelStep & { kind: 'command' },
    path: string,
    effects: Expected['effects'],
  ): void {
    if (step.pointOfNoReturn) undos = [];
    if (step.undo) undos.push({ path, step });
    const tries = [...step.tries];
    const answers = [...step.answers];
    let failed = 0;
    for (let asked = 0; ; asked += 1) {
      for (;;) {
        const came = tries.shift() ?? 'ok';
        if (came === 'ok') {
          effects.push(path);
          result.steps[path] = 'succeeded';
          return;
        }
        failed += 1;
        if (came === 'fails for good' || failed >= step.attempts * (asked + 1)) break;
      }
      if (step.onFailure === 'continue') return answered('skip', path);
      if (step.onFailure !== 'ask') {
        result.steps[path] = 'failed';
        throw step.onFailure === 'rollback' ? rolled() : new Stopped('failed', false);
      }
      const answer = answers.shift() ?? 'retry';
      if (answer === 'retry') continue;
      // People undo what people have done.
      if (answer === 'done')
        undos = undos.map((each) => (each.path === path ? { ...each, byHand: true } : each));
      return answered(answer, path);
    }
  }

  function answered(answer: Exclude<Answer, 'retry'>, path: string): void {
    result.steps[path] = {
      skip: 'skipped',
      done: 'done-by-hand',
      rollback: 'failed',
      abort: 'failed',
    }[answer];
    if (answer === 'skip') exceptions += 1;
    if (answer === 'rollback') throw rolled();
    if (answer === 'abort') throw new Stopped('failed', false);
  }

  function rolled(): Stopped {
    return new Stopped(undos.length > 0 ? 'rolled-back' : 'failed', true);
  }

  function rollBack(): void {
    let left = false;
    for (const { path, step, byHand } of undos.reverse()) {
      const tries = [...(step.undo?.tries ?? [])];
      const answers = [...(step.undo?.answers ?? [])];
      for (;;) {
        if (!byHand && (tries.shift() ?? 'ok') === 'ok') {
          result.undone.push(path);
          result.steps[path] = 'undone';
          break;
        }
        const answer = answers.shift() ?? (byHand ? 'done' : 'retry');
        if (answer === 'retry') continue;
        result.steps[path] = answer === 'done' ? 'undone' : 'failed';
        if (answer !== 'done') left = true;
        if (answer === 'abort') return end();
        break;
      }
    }
    end();

    function end(): void {
      if (left && result.state === 'rolled-back') result.state = 'failed';
    }
  }
}
