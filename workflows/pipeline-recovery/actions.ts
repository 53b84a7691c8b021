import { isClaimed } from '../../language/pipeline.js';
import type { SqlAction, SqlStatement } from '../../language/kinds/sql.js';
import type { Work } from '../engine/attempts.js';
import { catalogueOf } from './declared/catalog.js';
import { placesOf } from './declared/places.js';
import type { Choice } from './findings.js';
import { compareWithSource } from './queries/compare.js';
import { proveStage } from './queries/prove.js';
import { quarantine, setAside, takeUpAgain, unquarantine } from './queries/quarantine.js';
import type { DeclaredPipeline, Runner } from './run/runner.js';

export type Actions = ReturnType<typeof actionsFor>;

const statementTimeoutMs = 110_000;

/** Asks the database for the declared tables. */
export function catalogueAction({ name: target, pipeline }: DeclaredPipeline): SqlAction {
  return { kind: 'sql', target, statements: [catalogueOf(placesOf(pipeline))] };
}

/** What this runbook does with the data of one pipeline, as data. */
export function actionsFor(
  { name: target, pipeline: { data } }: DeclaredPipeline,
  runner: Pick<Runner, 'stops'>,
  dataset: string | null,
) {
  const asked = { data, dataset };
  const statements = (all: readonly SqlStatement[]): SqlAction => ({
    ...{ kind: 'sql', target, statements: all, statementTimeoutMs },
  });
  // A job that nobody can stop goes on writing: rows put back would be there twice.
  const undo = (all: readonly SqlStatement[]): Pick<Work, 'undo'> =>
    runner.stops ? { undo: statements(all) } : {};

  return {
    prove: (stage: string): SqlAction => statements([proveStage(asked, stage)]),

    /**
     * Null where nothing goes anywhere. Stages that are made as a whole move no rows: what is
     * corrupt is made anew.
     * @param name under which the data is kept
     */
    quarantine: ({ checkpoint, poison, rowsAgain }: Choice, name: string): Work | null => {
      const aside = poison === null ? [] : setAside(asked, poison, name);
      if (!isClaimed(data))
        return aside.length === 0
          ? null
          : { action: statements(aside), ...undo(takeUpAgain(asked, name)) };
      const claims = { data, dataset };
      const kept = { ...checkpoint, name };
      return {
        action: statements([...aside, ...quarantine(claims, kept)]),
        expect: [
          {
            condition: { cel: 'out.kept[0].rows == rows', given: { rows: rowsAgain } },
            otherwise:
              'the quarantine does not hold what was approved: the data changed after the approval',
            next: 'Start the runbook again, so that the data is looked at afresh.',
          },
        ],
        ...undo([...unquarantine(claims, kept), ...takeUpAgain(asked, name)]),
      };
    },

    compare: (tolerance: number): Work => ({
      action: statements([compareWithSource(asked)]),
      expect: [
        {
          condition: {
            cel:
              'out.target[0].duplicates == 0 && out.target[0].missing <= tolerance' +
              ' && out.target[0].foreign_keys <= tolerance',
            given: { tolerance },
          },
          otherwise: 'the target differs from the source',
          next: 'The output of this step says how many rows are twice, missing or foreign.',
        },
      ],
    }),
  };
}
