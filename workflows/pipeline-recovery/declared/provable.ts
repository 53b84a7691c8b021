import type { DeclaredTable, Pipeline, PipelineStage } from '../../../language/pipeline.js';
import { claimedSums } from '../queries/claims.js';

/** What a recovery proves of each stage, and what nobody can prove, in words. */
export function provable({ data }: Pipeline): { proved: string[]; unproved: string[] } {
  const { stages, checkpoints, rejects, source } = data;
  const stageProofs = stages.map((stage, at) => {
    const before = stages[at - 1];
    const origin = before ?? (checkpoints ? undefined : source);
    const all = [
      ...claims(data, stage),
      ...(stage.repeats ? [] : ['no key twice']),
      ...(origin
        ? [
            `every key of ${before?.name ?? 'the source'} ` +
              `arrived${overDatabases(origin, stage)}, or was left out on purpose`,
          ]
        : []),
      ...(checkpoints ? ['no row behind the newest checkpoint'] : origin ? ['no other key'] : []),
      ...(checkpoints?.cumulative === false ? ['no batch without a claim between others'] : []),
    ];
    return `stage ${stage.name}: ${all.join(', ')}`;
  });
  const last = stages.at(-1) ?? stages[0];
  const origin = source ? 'the source' : `stage ${stages[0].name}`;
  const unproved = [
    ...(checkpoints?.checksum === undefined
      ? [
          checkpoints
            ? 'values that no checkpoint claims a sum of, and ' +
              'values that changed places: no `checksum` is declared'
            : 'values beside the keys: no `checkpoints` are declared',
        ]
      : []),
    ...(checkpoints && checkpoints.rows === undefined && Object.keys(checkpoints.sums).length === 0
      ? ['rows that were never written in the first stage: no checkpoint claims `rows`']
      : []),
    ...(source
      ? []
      : [`whether stage ${stages[0].name} has all that the source has: no \`source\` is declared`]),
    ...(rejects
      ? []
      : [
          'which keys were left out on purpose: no `rejects` ' +
            'are declared, so each of them counts as missing',
        ]),
    ...(stages.some(({ fresh }) => fresh)
      ? []
      : ['whether new rows still come: no stage declares how old its newest row may be (`fresh`)']),
    ...(checkpoints && checkpoints.order === undefined
      ? ['which of several claims about one batch is the newest: the checkpoints have no `order`']
      : []),
  ];
  return {
    proved: [
      ...stageProofs,
      `at the end: ${last.name} has every key of ${origin} once, and no other`,
    ],
    unproved,
  };
}

/** How keys of two databases are compared. */
function overDatabases(one: DeclaredTable, other: DeclaredTable): string {
  return one.connection === other.connection ? '' : ' (compared over two databases)';
}

function claims(data: Pipeline['data'], stage: PipelineStage): string[] {
  const { rows, checksum } = data.checkpoints ?? {};
  const sums = claimedSums({ data }, stage);
  return [
    ...(rows === undefined ? [] : ['rows']),
    ...(sums.length === 0 ? [] : [`sums of ${sums.join(', ')}`]),
    ...(checksum === undefined ? [] : ['checksum of keys and measures']),
  ];
}
