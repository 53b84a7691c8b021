import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Check } from '../../common/check.js';
import type { RunView } from '../../common/view.js';
import { stretched } from '../../embedded/pace.js';
import { isLong, tell } from '../chaos/tell.js';
import { ServiceShapes, shapeNames, type ShapeName } from '../helpers/service-shapes.js';

/*
 * A job that failed days ago, and one that somebody has resumed by hand before the recovery: what
 * is there at the end is compared with what the source alone says.
 */
describe('a recovery that comes late', () => {
  let shapes: ServiceShapes;
  beforeAll(async () => {
    shapes = await ServiceShapes.start();
  }, stretched(60_000));
  afterAll(() => shapes?.stop());

  /** Half a batch is written. */
  async function broken(pipeline: ShapeName): Promise<number> {
    return shapes.of(pipeline).brokenRun({ cutAt: { step: 'booked', chunk: 3, rows: 60 } });
  }

  async function isRight(pipeline: ShapeName | 'flights', kind: string, seen: string) {
    if (pipeline === 'flights')
      expect(await shapes.flights.summary()).toEqual(await shapes.flights.truth());
    else expect(await shapes.of(pipeline).found()).toEqual(shapes.of(pipeline).truth());
    tell(`${pipeline}: ${kind}: ${seen}; 0 twice, 0 lost`);
  }

  /** A run that finds nothing to recover. */
  async function refused(inputs: Record<string, string>): Promise<NonNullable<RunView['problem']>> {
    const view = await shapes.recovery.ended(await shapes.recovery.run(inputs));
    expect(view).toMatchObject({ state: 'failed', decisions: [] });
    return view.problem as NonNullable<RunView['problem']>;
  }

  const some = shapeNames.filter((name) => isLong || name !== 'two-databases');

  const one = shapeNames.filter((name) => isLong || name === 'job-api');

  test.each(some)('%s: a job of three days ago is recovered when it is named', async (pipeline) => {
    const service = shapes.of(pipeline);
    service.makeOld(await broken(pipeline), 3);
    service.listsHours = 24;
    const { message, next } = await refused({ pipeline });
    expect(message).toMatch(/^no job failed (in the last 24 hours|among those that its job API)/);
    expect(next).toContain('An older failed job can be named with --input job=ID');
    const { evidence } = await shapes.recovery.recovered({ pipeline, job: '1' });
    expect(evidence).toMatchObject({ 'failed job': '1' });
    const seen = 'unnamed: no job of its list failed, an older one can be named; named: recovers';
    await isRight(pipeline, 'failed three days ago', seen);
    expect((await refused({ pipeline, job: '7' })).message).toBe('this pipeline has no job 7');
  });

  test('job-api: a job of three days ago that is listed needs no name', async () => {
    shapes.of('job-api').makeOld(await broken('job-api'), 3);
    await shapes.recovery.recovered({ pipeline: 'job-api' });
    await isRight('job-api', 'failed three days ago, and is listed', 'recovers it');
  });

  test.each(one)('%s: nothing is done where people have recovered it', async (pipeline) => {
    const service = shapes.of(pipeline);
    const job = await broken(pipeline);
    await service.queryOf('booked', `DELETE FROM wildlife."Strikes" WHERE "Chunk" = 3`);
    await service.resumeBlindly(job);
    const unnamed = await refused({ pipeline });
    expect(unnamed.message).toMatch(/^every job that failed .* was recovered since$/);
    expect(unnamed.next).toContain('--input job=2');
    const named = await refused({ pipeline, job: '1' });
    expect(named.message).toBe('job 1 failed, and job 2 has completed this pipeline since');
    const newest = await refused({ pipeline, job: '2' });
    expect(newest.message).toBe('job 2 is completed, and its stages are good');
    expect(service.phases).toEqual(['BROKEN', 'DONE']);
    await isRight(pipeline, 'recovered by hand', 'nothing is to be done, named or not');
  });

  test.each(one)('%s: rows that people have left twice are moved away', async (pipeline) => {
    const service = shapes.of(pipeline);
    await service.resumeBlindly(await broken(pipeline));
    expect((await service.found()).twice).toBe(60);
    const { next = '' } = await refused({ pipeline });
    const [, job = ''] = /--input job=(\d+)/.exec(next) ?? [];
    const { evidence } = await shapes.recovery.recovered({ pipeline, job });
    expect(evidence['verdict']).toMatch(/^corrupt: booked from batch 3 on .*60 keys twice/);
    const seen = '60 twice; the run names the job, and moves them away when it is named';
    await isRight(pipeline, 'recovered by hand, badly', seen);
  });

  test('flights: a job of three days ago is recovered when it is named', async () => {
    const job = await shapes.flights.failedJob({ crashAt: { stage: 'clean', batch: 7 } });
    await shapes.flights.query(
      `UPDATE processing_jobs SET created_at = now() - interval '3 days' WHERE id = $1`,
      [job],
    );
    const { message, next } = await refused({ pipeline: 'flights' });
    expect(message).toBe('no job failed in the last 24 hours');
    expect(next).toContain('An older failed job can be named with --input job=ID');
    await shapes.recovery.recovered({ pipeline: 'flights', job });
    const seen =
      'unnamed: no job of the last day failed, an older one can be named; named: recovers';
    await isRight('flights', 'failed three days ago', seen);
  });

  test('flights: what people have recovered is left, and wrong rows are seen by doctor', async () => {
    const job = await shapes.flights.failedJob({ crashAt: { stage: 'clean', batch: 7 } });
    const byHand = await shapes.flights.restart(job, null);
    await shapes.flights.waitForJob(byHand, ['completed']);
    const unnamed = await refused({ pipeline: 'flights' });
    expect(unnamed.message).toBe('every job that failed in the last 24 hours was recovered since');
    const named = await refused({ pipeline: 'flights', job });
    expect(named.message).toContain(`and job ${byHand} has completed dataset flights since`);
    await isRight('flights', 'recovered by hand', 'nothing is to be done, named or not');

    const columns = 'dataset_id, job_id, batch, seq, distance, delay, departure_minute';
    await shapes.flights.query(
      `INSERT INTO flights (${columns}) SELECT ${columns} FROM flights WHERE batch = 9 ORDER BY seq LIMIT 7`,
    );
    expect((await refused({ pipeline: 'flights' })).next).toContain('doctor PIPELINE');
    expect((await refused({ pipeline: 'flights', job: byHand })).next).toContain('doctor PIPELINE');
    const check = await shapes.recovery.run({ pipeline: 'flights' }, 'pipeline-check');
    const { checks } = (await shapes.recovery.ended(check)).outputs as unknown as {
      checks: Check[];
    };
    expect(checks.find(({ name }) => name === 'proof of load')).toMatchObject({
      state: 'warning',
      found: expect.stringContaining('7 keys twice') as unknown,
      fix: expect.stringContaining('correct the data by hand') as unknown,
    });
    expect((await shapes.flights.summary()).duplicates).toBe(7);
    tell('flights: recovered by hand, badly: 7 twice; named by doctor, with what to do; no change');
  });
});
