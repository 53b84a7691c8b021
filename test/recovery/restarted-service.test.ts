import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { WorkflowHandle } from '@temporalio/client';
import { stretched } from '../../embedded/pace.js';
import { until } from '../../lab/until.js';
import type { Return, StrikesService } from '../../lab/strikes/service.js';
import { isLong, tell } from '../chaos/tell.js';
import { ServiceShapes, shapeNames, type ShapeName } from '../helpers/service-shapes.js';

/*
 * The service that runs the jobs is killed while its job is recovered, in the middle of a batch,
 * and comes back on its port. What is there at the end is compared with what the source alone says.
 */

/** Of the short form; the long form has each of these with each shape. */
const short: Readonly<Record<ShapeName, readonly Return[]>> = {
  'job-api': ['forgotten', 'resumed'],
  'two-databases': ['aborted'],
  program: ['forgotten'],
};
const all: readonly Return[] = [
  ...(['broken', 'aborted', 'forgotten'] as const),
  ...(['forgotten with all others', 'resumed', 'resumed cleanly'] as const),
];

describe('a service that is restarted', () => {
  let shapes: ServiceShapes;
  beforeAll(async () => {
    shapes = await ServiceShapes.start();
  }, stretched(60_000));
  afterAll(() => shapes?.stop());

  /** A run that follows a job which stands in the middle of a batch. */
  async function following(pipeline: ShapeName): Promise<WorkflowHandle> {
    const service = shapes.of(pipeline);
    await service.brokenRun({ cutAt: { step: 'booked', chunk: 3, rows: 60 } });
    service.faults = { holdsAt: { step: 'named', chunk: 6, rows: 100 } };
    const handle = await shapes.recovery.run({ pipeline });
    await shapes.recovery.decide(handle);
    await service.standsStill();
    return handle;
  }

  /** The end is right, and one line tells what the run has seen of it. */
  async function isRight(pipeline: ShapeName, kind: string, seen: string): Promise<void> {
    const service = shapes.of(pipeline);
    expect(await service.found()).toEqual(service.truth());
    tell(`${pipeline}: ${kind}: ${seen}; 0 twice, 0 lost`);
  }

  const rounds = shapeNames.flatMap((pipeline) =>
    (isLong ? all : short[pipeline]).map((how) => ({ pipeline, how })),
  );
  test.each(rounds)(
    '$pipeline, whose job is $how when it is back, ends exactly right',
    async ({ pipeline, how }) => {
      const handle = await following(pipeline);
      await shapes.of(pipeline).die();
      await shapes.seesOutage(handle);
      await shapes.of(pipeline).comeBack(how);
      const seen = await ends[how](pipeline, handle);
      await isRight(pipeline, `restarted while followed, its job is ${how}`, seen);
    },
    stretched(60_000),
  );

  /** What each of these ends needs of people, and what they are told. */
  const ends: Record<Return, (pipeline: ShapeName, handle: WorkflowHandle) => Promise<string>> = {
    broken: (_, handle) => approvedAgain(handle, 'RESTARTED: the service was restarted'),
    aborted: (_, handle) => approvedAgain(handle, 'none told: the job was stopped'),

    async forgotten(pipeline, handle) {
      await isNotKnown(handle);
      const { evidence } = await shapes.recovery.recovered({ pipeline });
      expect(evidence).toMatchObject({ 'failed job': '1', verdict: halfABatch });
      return 'asks: it does not know job 2; aborted, and a second recovery';
    },

    async 'forgotten with all others'(pipeline, handle) {
      await isNotKnown(handle);
      const { problem } = await shapes.recovery.ended(await shapes.recovery.run({ pipeline }));
      expect(problem?.message).toContain('no job failed');
      expect(problem?.next).toContain('Where all jobs are forgotten, let one run as usual');
      const run = await shapes.of(pipeline).runAsUsual();
      expect((await shapes.of(pipeline).found()).twice).toBe(100);
      await shapes.recovery.recovered({ pipeline, job: `${run}` });
      return 'asks; a second recovery says to let a job run, and a third one names it';
    },

    async resumed(pipeline, handle) {
      const { state, problem } = await shapes.recovery.ended(handle);
      expect(state).toBe('failed');
      expect(problem?.message).toContain('the target differs from the source');
      expect(problem?.next).toContain('--input job=2');
      const { evidence } = await shapes.recovery.recovered({ pipeline, job: '2' });
      expect(evidence['verdict']).toMatch(/^corrupt: named from batch 6 on .*100 keys twice/);
      return 'fails: the target differs, 100 keys twice; a second recovery names the job';
    },

    async 'resumed cleanly'(_, handle) {
      expect(await shapes.recovery.ended(handle)).toMatchObject({ state: 'succeeded' });
      return 'recovers, nobody is asked again';
    },
  };

  async function isNotKnown(handle: WorkflowHandle): Promise<void> {
    const { evidence } = await shapes.recovery.gate(handle);
    expect(evidence).toMatchObject({
      'what happened': expect.stringContaining('does not know job 2, or has forgotten') as unknown,
      next: expect.stringContaining('see first that nothing of that job still writes') as unknown,
    });
    await shapes.recovery.decide(handle, { verb: 'abort' });
    expect((await shapes.recovery.ended(handle)).state).toBe('failed');
  }

  const halfABatch = 'corrupt: named behind batch 5 (100 rows that no checkpoint claims)';

  async function approvedAgain(handle: WorkflowHandle, error: string): Promise<string> {
    const { evidence } = await shapes.recovery.gate(handle);
    expect(evidence).toMatchObject({
      ...{ 'failed job': '2', verdict: halfABatch },
      error: expect.stringContaining(error) as unknown,
    });
    await shapes.recovery.decide(handle);
    expect(await shapes.recovery.ended(handle)).toMatchObject({ state: 'succeeded' });
    return 'asks again: half a batch is moved away';
  }

  /** A request of which the service dies, and the step that finds nobody then. */
  const deadly = [
    { what: 'taken the restart', method: 'POST', path: /resume$/, when: 'done', how: 'broken' },
    { what: 'taken the restart', method: 'POST', path: /resume$/, when: 'done', how: 'forgotten' },
    { what: 'been asked for its jobs', method: 'GET', path: /runs$/, when: 'asked', how: 'broken' },
    { what: 'been asked why', method: 'GET', path: /runs\/1$/, when: 'asked', how: 'broken' },
  ] as const;
  const deaths = shapeNames.flatMap((pipeline, at) =>
    // The short form has two of them.
    deadly
      .filter((_, place) => isLong || (at > 0 && place === at))
      .map((each) => ({ pipeline, ...each })),
  );
  test.each(deaths)(
    '$pipeline, which dies when it has $what, and its job is $how, ends exactly right',
    async ({ pipeline, what, how, ...diesOn }) => {
      const service = shapes.of(pipeline);
      await service.brokenRun({ cutAt: { step: 'booked', chunk: 3, rows: 60 } });
      service.diesOn = diesOn;
      const isRestart = diesOn.method === 'POST';
      if (isRestart) service.faults = { holdsAt: { step: 'named', chunk: 6, rows: 100 } };
      const handle = await shapes.recovery.run({ pipeline });
      if (isRestart) await shapes.recovery.decide(handle);
      await service.hasDied();
      await service.comeBack(how);
      const seen = await afterDeath(pipeline, handle, isRestart ? how : 'none');
      await isRight(pipeline, `dies when it has ${what}, its job is ${how}`, seen);
    },
    stretched(60_000),
  );

  async function afterDeath(
    pipeline: ShapeName,
    handle: WorkflowHandle,
    job: 'broken' | 'forgotten' | 'none',
  ): Promise<string> {
    if (job === 'broken') return ends.broken(pipeline, handle);
    if (job === 'none') {
      await shapes.recovery.decide(handle);
      expect(await shapes.recovery.ended(handle)).toMatchObject({ state: 'succeeded' });
      return 'waits until it is back, and recovers';
    }
    // The key of the restart was forgotten, too: a second job was started beside what is written.
    const { problem } = await shapes.recovery.ended(handle);
    expect(problem?.message).toContain('the target differs from the source');
    const [, named = ''] = /--input job=(\d+)/.exec(problem?.next ?? '') ?? [];
    await shapes.recovery.recovered({ pipeline, job: named });
    return 'fails: the target differs, and the job is named; a second recovery names it';
  }

  const waitedFor = shapeNames.filter((name) => isLong || name === 'job-api');
  test.each(waitedFor)('%s, away between gate and restart, is waited for', async (pipeline) => {
    const service = shapes.of(pipeline);
    await service.brokenRun({ cutAt: { step: 'booked', chunk: 3, rows: 60 } });
    const handle = await shapes.recovery.run({ pipeline });
    await shapes.recovery.gate(handle);
    await service.die();
    await shapes.recovery.decide(handle);
    await shapes.seesOutage(handle, pipeline === 'program' ? 'begin' : 'restart');
    await service.comeBack('broken');
    expect(await shapes.recovery.ended(handle)).toMatchObject({ state: 'succeeded' });
    await isRight(pipeline, 'away between gate and restart', 'waits, and recovers');
  });

  test('resumed blindly after the same restarts, rows are there twice', async () => {
    let [wrong, twice] = [0, 0];
    const returns: readonly Return[] = ['broken', 'aborted', 'resumed'];
    const tried = returns
      .flatMap((how) => shapeNames.map((pipeline) => ({ pipeline, how })))
      // Of the nine the short form has one of each shape.
      .filter((_, at) => isLong || at % 4 === 0);
    for (const { pipeline, how } of tried) {
      const service = shapes.of(pipeline);
      await restartedBlindly(service, how);
      const found = await service.found();
      wrong += JSON.stringify(found) === JSON.stringify(service.truth()) ? 0 : 1;
      twice += found.twice;
    }
    tell(`restarted services, without a proof: ${wrong} of ${tried.length} wrong, ${twice} twice`);
    expect(wrong).toBe(tried.length);
    expect(twice).toBeGreaterThan(0);
  });

  async function restartedBlindly(service: StrikesService, how: Return): Promise<void> {
    const broken = await service.brokenRun({ cutAt: { step: 'booked', chunk: 3, rows: 60 } });
    service.faults = { holdsAt: { step: 'named', chunk: 6, rows: 100 } };
    const resumed = service.startBlindly(broken);
    await service.standsStill();
    await service.die();
    await service.comeBack(how);
    if (how === 'resumed') await service.ended(resumed);
    else await service.resumeBlindly(resumed);
  }

  /** A job of the example stands in the middle of a batch after its restart. */
  async function flightsHeld(
    restart: (job: string) => Promise<void>,
  ): Promise<{ failed: string; restarted: string }> {
    const corrupt = { stage: 'clean', batch: 4, mode: 'duplicate' } as const;
    const failed = await shapes.flights.failedJob({ corruptCheckpoint: corrupt });
    await shapes.flights.setFaults({ holdsAt: { stage: 'transform', batch: 3 } });
    await restart(failed);
    const { id: restarted } = await until('a restarted job', async () => {
      const job = await shapes.flights.newestJob();
      return job?.id === failed ? null : job;
    });
    await shapes.flights.standsStill(restarted, 'transform', 3);
    return { failed, restarted };
  }

  async function flightsAreRight(kind: string, seen: string): Promise<void> {
    expect(await shapes.flights.summary()).toEqual(await shapes.flights.truth());
    tell(`flights: ${kind}: ${seen}; 0 twice, 0 lost`);
  }

  async function approvedFlights(): Promise<WorkflowHandle> {
    const handle = await shapes.recovery.run({ pipeline: 'flights' });
    await shapes.recovery.decide(handle);
    return handle;
  }

  async function isRecovered(handle: WorkflowHandle): Promise<void> {
    expect(await shapes.recovery.ended(handle)).toMatchObject({ problem: null });
  }

  test.each(['broken', 'forgotten'] as const)(
    'the job API of the example, whose job is %s when it is back, ends exactly right',
    async (how) => {
      let handle: WorkflowHandle | undefined;
      const { restarted } = await flightsHeld(async () => {
        handle = await approvedFlights();
      });
      const run = handle as WorkflowHandle;
      await shapes.flights.dieWithJobs();
      await shapes.seesOutage(run);
      if (how === 'forgotten')
        await shapes.flights.query('DELETE FROM processing_jobs WHERE id = $1', [restarted]);
      await shapes.flights.start();
      if (how === 'broken') await isRecovered(run);
      else {
        const { evidence } = await shapes.recovery.gate(run);
        expect(evidence['what happened']).toContain(`does not know job ${restarted}`);
        await shapes.recovery.decide(run, { verb: 'abort' });
        await shapes.recovery.ended(run);
        await shapes.recovery.recovered({ pipeline: 'flights' });
      }
      await flightsAreRight(
        `restarted while followed, its job is ${how}`,
        how === 'broken' ? 'recovers; no half batch' : 'asks; a second recovery',
      );
    },
  );

  interface FlightsCase {
    kind: string;
    seen: string;
    /** Until the run goes on by itself. */
    through: () => Promise<WorkflowHandle>;
  }

  async function afterRequest(path: string, when: 'asked' | 'done'): Promise<WorkflowHandle> {
    await shapes.flights.setFaults({ diesOn: { path, when } });
    const handle = await approvedFlights();
    await shapes.flights.hasDied();
    await shapes.flights.start();
    return handle;
  }

  const flightsCases: readonly FlightsCase[] = [
    {
      kind: 'dies when it has taken the restart',
      seen: 'asks once more, and follows the one job',
      through: () => afterRequest('/restart', 'done'),
    },
    {
      kind: 'dies when it is asked to validate',
      seen: 'waits until it is back',
      through: () => afterRequest('/validate', 'asked'),
    },
    {
      kind: 'restarted while followed, its job goes on',
      seen: 'follows it to its end',
      async through() {
        await shapes.flights.setFaults({ slowMs: 100 });
        const handle = await approvedFlights();
        await shapes.flights.waitForProgress('clean', 8);
        await shapes.flights.kill9();
        await shapes.seesOutage(handle);
        await shapes.flights.start();
        return handle;
      },
    },
    {
      kind: 'away while it is looked at',
      seen: 'waits until it is back',
      async through() {
        await shapes.flights.kill9();
        const handle = await shapes.recovery.run({ pipeline: 'flights' });
        await shapes.seesOutage(handle, 'identify');
        await shapes.flights.start();
        await shapes.recovery.decide(handle);
        return handle;
      },
    },
  ];
  test.each(flightsCases.filter((_, at) => isLong || at === 0))(
    'the job API of the example, $kind, ends exactly right with one job',
    async ({ kind, seen, through }) => {
      await shapes.flights.failedJob({ crashAt: { stage: 'clean', batch: 7 } });
      await isRecovered(await through());
      const text = 'SELECT 1 FROM processing_jobs WHERE restart_key IS NOT NULL';
      expect(await shapes.flights.query(text)).toHaveLength(1);
      await flightsAreRight(kind, seen);
    },
  );

  test('a job that somebody stops while it is followed is not restarted unasked', async () => {
    await shapes.flights.failedJob({ crashAt: { stage: 'clean', batch: 7 } });
    await shapes.flights.setFaults({ slowMs: 100 });
    const handle = await approvedFlights();
    await shapes.flights.waitForProgress('clean', 8);
    const stopped = (await shapes.flights.newestJob())?.id ?? '';
    await shapes.flights.call('POST', `/api/v1/jobs/${stopped}/stop`);
    const { evidence } = await shapes.recovery.gate(handle);
    expect(evidence).toMatchObject({
      'failed job': stopped,
      error: 'none told: the job was stopped',
      verdict: 'not corrupt: every checkpoint matches its data',
    });
    await shapes.flights.setFaults({});
    await shapes.recovery.decide(handle);
    await isRecovered(handle);
    await flightsAreRight('stopped by people while followed', 'asks before it restarts');
  });

  test('the job API of the example, resumed blindly after its restart, leaves wrong rows', async () => {
    const { restarted } = await flightsHeld(async (job) => {
      await shapes.flights.restart(job, null);
    });
    await shapes.flights.dieWithJobs();
    await shapes.flights.start();
    const again = await shapes.flights.restart(restarted, null);
    await shapes.flights.waitForJob(again, ['completed']);
    const [found, truth] = [await shapes.flights.summary(), await shapes.flights.truth()];
    tell(`flights, restarted, without a proof: ${found.duplicates} twice, ${found.missing} lost`);
    expect(found).not.toEqual(truth);
  });
});
