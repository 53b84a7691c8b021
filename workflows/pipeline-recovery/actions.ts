import { isClaimed } from '../../language/pipeline.js';
import type { SqlAction, SqlStatement } from '../../language/kinds/sql.js';
import type { Expectation } from '../../common/attempt.js';
import type { Work } from '../engine/attempts.js';
import { questionsAbout } from './declared/catalog.js';
import { placesOf } from './declared/places.js';
import type { Choice } from './findings.js';
import { compareWithSource } from './queries/compare.js';
import { by, type Question } from './queries/parts.js';
import { proveStage } from './queries/prove.js';
import {
  quarantine,
  quarantineConnections,
  setAside,
  takeUpAgain,
  unquarantine,
} from './queries/quarantine.js';
import type { DeclaredPipeline, Runner } from './run/runner.js';

export type Actions = ReturnType<typeof actionsFor>;

const statementTimeoutMs = 110_000;

/** Asks each database for what is declared of it; each answers `tables`. */
export function catalogueActions({ name: target, pipeline }: DeclaredPipeline): SqlAction[] {
  return questionsAbout(pipeline, placesOf(pipeline)).map((question) => ({
    ...{ kind: 'sql', target },
    ...question,
  }));
}

/** What this runbook does with the data of one pipeline, as data. */
export function actionsFor(
  { name: target, pipeline: { data } }: DeclaredPipeline,
  runner: Pick<Runner, 'stops'>,
  dataset: string | null,
) {
  const asked = { data, dataset };
  const ask = (question: Question): SqlAction => ({
    ...{ kind: 'sql', target, ...question, statementTimeoutMs },
  });
  const statements = (connection: string | undefined, all: SqlStatement[]): SqlAction =>
    ask({ ...by(connection), statements: all });
  // A job that nobody can stop goes on writing: rows put back would be there twice.
  const undo = (connection: string | undefined, all: SqlStatement[]): Pick<Work, 'undo'> =>
    runner.stops && all.length > 0 ? { undo: statements(connection, all) } : {};

  return {
    prove: (stage: string): SqlAction => ask(proveStage(asked, stage)),

    /**
     * One work for each database in which something goes anywhere. Stages that are made as a whole
     * move no rows: what is corrupt is made anew.
     * @param name under which the data is kept
     */
    quarantine: ({ checkpoint, poison, rowsByStage }: Choice, name: string): Work[] => {
      const claims = isClaimed(data) ? { data, dataset } : undefined;
      const kept = { ...checkpoint, name };
      const aside = poison === null ? undefined : data.setAside;
      const moved = claims ? quarantineConnections(claims, checkpoint.stage) : [];
      const all = new Set(aside ? [...moved, aside.connection] : moved);
      return [...all].map((connection): Work => {
        const isAside = poison !== null && aside?.connection === connection;
        const isMoved = moved.includes(connection);
        const rows = data.stages
          .filter((stage) => stage.connection === connection)
          .reduce((sum, { name: stage }) => sum + (rowsByStage[stage] ?? 0), 0);
        return {
          action: statements(connection, [
            ...(isAside ? setAside(asked, poison, name) : []),
            ...(claims && isMoved ? quarantine(claims, kept, connection) : []),
          ]),
          ...(isMoved ? { expect: [holds(rows)] } : {}),
          ...undo(connection, [
            ...(claims && isMoved ? unquarantine(claims, kept, connection) : []),
            ...(data.setAside?.connection === connection ? takeUpAgain(asked, name) : []),
          ]),
        };
      });
    },

    /** @param cure what to do where they differ */
    compare: (tolerance: number, cure: string): Work => ({
      action: ask(compareWithSource(asked)),
      expect: [
        {
          condition: {
            cel:
              'out.target[0].duplicates == 0 && out.target[0].missing <= tolerance' +
              ' && out.target[0].foreign_keys <= tolerance',
            given: { tolerance },
          },
          otherwise: 'the target differs from the source',
          next: `The output of this step says how many rows are twice, missing or foreign. ${cure}`,
        },
      ],
    }),
  };
}

/** The quarantine holds as many rows as were approved. */
function holds(rows: number): Expectation {
  return {
    condition: { cel: 'out.kept[0].rows == rows', given: { rows } },
    otherwise:
      'the quarantine does not hold what was approved: the data changed after the approval',
    next: 'Start the runbook again, so that the data is looked at afresh.',
  };
}
