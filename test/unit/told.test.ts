import { readFileSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { decisionText } from '../../common/decision-text.js';
import { failureType, failureTypes } from '../../common/failures.js';
import { isReservedName, probePath, undoneBy, undoPath } from '../../language/paths.js';
import {
  aboutOf,
  answerForm,
  answersOf,
  answeredWith,
  canBeAboutRun,
  commandNameIn,
  decides,
  decisionVerbs,
  questionKinds,
  rulesOfQuestion,
  verbsFor,
  type QuestionKind,
} from '../../common/questions.js';
import { isOutputRecorded } from '../../common/saved-steps.js';
import type { StepView } from '../../common/view.js';
import { delivery } from '../../language/kinds/delivery/index.js';
import { actionKinds, isGroup, stepKinds } from '../../language/kinds/index.js';

/*
 * What is told is derived from the lists that the engine works with. Each test goes through a list,
 * so that what is added to one and forgotten elsewhere is found.
 */

const root = resolve(import.meta.dirname, '../..');

describe('what was decided', () => {
  test('is told as what it was, each verb in its own words', () => {
    const states = decisionVerbs.map((verb) => answeredWith(verb).state);
    expect(new Set(states).size).toBe(decisionVerbs.length);
    for (const verb of decisionVerbs.filter((each) => each !== 'reject'))
      expect(answeredWith(verb).words).not.toContain('rejected');
  });

  test('about the run names no gate', () => {
    for (const verb of decisionVerbs.filter(canBeAboutRun)) {
      expect(decides(verb, null)).toContain('the run');
      const decision = { verb, about: null, by: 'ada', code: 'accepted', accepted: true };
      const told = decisionText({ ...decision, id: 'x', reason: '', at: '', message: '' });
      expect(told).not.toContain('gate');
    }
    for (const verb of verbsFor('failure'))
      expect(decides(verb, { kind: 'step', id: 'load' })).toContain('step load');
  });
});

describe('questions', () => {
  const kinds = Object.keys(questionKinds) as QuestionKind[];

  test.each(kinds)('the answers to one of kind %s are about what it is about', (kind) => {
    const { about, verbs, notByRequester } = rulesOfQuestion(kind);
    for (const verb of verbs) expect(aboutOf(verb)).toBe(about);
    expect(verbs).toEqual(expect.arrayContaining([...notByRequester]));
  });

  test.each(kinds)(
    'the commands of one of kind %s differ, and are bound to what was asked',
    (kind) => {
      const verbs = verbsFor(kind);
      const question = { kind, id: "it's one", digest: 'sha256:d', verbs, confirm: 'web' };
      const offered = answersOf('runbook', 'run', { ...question, answers: ['port'] });
      expect(new Set(offered.map(({ command }) => command)).size).toBe(verbs.length);
      for (const { verb, command } of offered) {
        expect(command).toMatch(
          new RegExp(`^runbook ${verb} run( 'it'\\\\''s one')? --digest sha256:d$`),
        );
        const form = answerForm('runbook', 'run', { ...question, answers: ['port'] }, verb);
        const blanks = { approve: ' --confirm NAME', done: ' --output port=VALUE' };
        const more = (blanks as Partial<Record<string, string>>)[verb] ?? '';
        expect(form).toBe(`${command}${more} --reason TEXT --yes`);
        expect(commandNameIn({ command, verbs: [verb] })).toBe('runbook');
      }
    },
  );

  test('an undo that failed offers no rollback, and what later steps need no skip', () => {
    expect(verbsFor('failure')).toEqual(expect.arrayContaining(['rollback', 'skip']));
    expect(verbsFor('undo')).not.toContain('rollback');
    for (const kind of ['failure', 'manual'] as const)
      expect(verbsFor(kind, ['port'])).not.toContain('skip');
  });
});

describe('kinds of steps', () => {
  test('the output of every kind whose work is an activity is in the record', () => {
    for (const kind of stepKinds) {
      const step = { kind, state: 'succeeded' } as StepView;
      expect(isOutputRecorded(step)).toBe((actionKinds as readonly string[]).includes(kind));
      expect(isGroup(kind)).toBe(['group', 'parallel', 'forEach', 'runbook'].includes(kind));
    }
  });

  test('lint knows the file of each', async () => {
    const { default: config } = (await import(join(root, 'eslint.config.js'))) as {
      default: { rules?: Record<string, unknown> }[];
    };
    const text = JSON.stringify(config.map(({ rules }) => rules?.['layers/imports'] ?? null));
    const files = readdirSync(join(root, 'activities'), { recursive: true, encoding: 'utf8' });
    const placeOf = (kind: string) => (kind in delivery ? `delivery/${kind}` : kind);
    for (const place of actionKinds.map(placeOf)) {
      expect(files).toContain(`${place}.ts`);
      expect(text).toContain(`"activities/${place}"`);
    }
  });
});

describe('types of failures', () => {
  test('every one that the program creates is in the closed list', () => {
    const folders = ['activities', 'client', 'common', 'store', 'worker', 'workflows'];
    const used = folders.flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.ts'))
        .flatMap((name) => {
          const text = readFileSync(join(root, folder, name), 'utf8');
          return [...text.matchAll(/type: '([A-Z][a-z]\w+)'/g)].map(([, type]) => type);
        }),
    );
    expect(used.length).toBeGreaterThan(20);
    expect([...new Set(used)].filter((type) => failureType(type) !== type)).toEqual([]);
  });

  test('one that nobody knows is an Error', () => {
    expect(Object.keys(failureTypes).map(failureType)).toEqual(Object.keys(failureTypes));
    for (const type of ['Surprise', 'toString', '', null, 5])
      expect(failureType(type)).toBe('Error');
  });
});

test('a part cannot have a name that is read as the undo of another', () => {
  expect(undoneBy(undoPath('each/x'))).toBe('each/x');
  expect(undoneBy('each/x')).toBeNull();
  for (const name of [undoPath('x'), probePath('x')]) expect(isReservedName(name)).toBe(true);
  for (const name of ['x', 'undo', 'x.undone']) expect(isReservedName(name)).toBe(false);
});
