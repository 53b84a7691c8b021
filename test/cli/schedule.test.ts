import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { RunSummary } from '../../common/view.js';
import { gapsOf } from '../../client/schedule-gaps.js';
import type { ScheduleView } from '../../client/schedules.js';
import { until } from '../../lab/until.js';
import { taskTimeoutSeconds } from '../helpers/task-timeout.js';
import { World } from './world.js';

let world: World;
const id = `often-${process.pid}-${Date.now()}`;
beforeAll(async () => {
  world = await World.start();
}, 60_000);
afterAll(async () => {
  if (world) await writeFile(world.path('go'), '');
  await world?.cli(['schedule', 'delete', id]);
  await world?.stop();
});

/** The first command waits for a file. */
const inputs = (): string[] => {
  const first = [
    '/bin/sh',
    '-c',
    'touch "$2"; while [ ! -e "$1" ]; do sleep 0.05; done',
    'sh',
    world.path('go'),
    world.path('here'),
  ];
  return Object.entries({ first: JSON.stringify(first), second: '["/bin/true"]' }).flatMap(
    ([name, value]) => ['--input', `${name}=${value}`],
  );
};
const mine = async (): Promise<ScheduleView | undefined> =>
  (await world.json<ScheduleView[]>(['schedule', 'list'])).find((each) => each.id === id);

test('what cannot be scheduled is refused at once, with words, and leaves nothing', async () => {
  const create = (...more: string[]) =>
    world.cli(['schedule', 'create', id, 'test-commands', ...more]);
  for (const [more, says] of [
    [inputs(), 'When?'],
    [['--every', '1h', '--cron', '0 3 * * 0', ...inputs()], 'When?'],
    [['--every', '1h', '--timezone', 'Europe/Berlin', ...inputs()], '--timezone goes with --cron'],
    [['--every', '10ms', ...inputs()], '--every is too short'],
    [['--every', '1h'], 'input first is missing'],
    [['--cron', 'whenever', ...inputs()], 'These are no times'],
    [['--cron', '0 3 31 2 *', ...inputs()], 'never comes'],
    [['--cron', '0 3 30 2 *', '--timezone', 'Europe/Berlin', ...inputs()], 'never comes'],
    [['--cron', '0 3 31 4,6,9,11 *', ...inputs()], 'never comes'],
    [['--cron', '0 0 3 29 2 * 2027', ...inputs()], 'never comes'],
    [['--cron', '0 0 3 1 1 * 2020', ...inputs()], 'never comes'],
    [['--every', '1h', '--drill', '--input', 'other=1', ...inputs()], 'there is no input "other"'],
  ] as const) {
    const refused = await create(...more);
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toContain(says);
  }
  expect(await world.cli(['schedule', 'trigger', 'nowhere'])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('There is no schedule nowhere.'),
  });
  expect(await mine()).toBeUndefined();
}, 120_000);

test.each(['0 3 29 2 *', '0 0 3 29 2 * 2096', '* * * * *', '0 3 31 */2 *'])(
  'a time that comes, however late or often, is taken: %s',
  async (cron) => {
    const made = await world.cli([
      ...['schedule', 'create', `${id}-rare`, 'test-commands', '--cron', cron, ...inputs()],
    ]);
    expect(made).toMatchObject({ code: 0, stdout: expect.stringContaining('created') });
    await world.cli(['schedule', 'delete', `${id}-rare`]);
  },
  60_000,
);

test('a schedule starts runs as a person would, none beside one that still goes on, and can be paused and removed', async () => {
  const created = await world.cli([
    'schedule',
    'create',
    id,
    'test-commands',
    '--every',
    '12h',
    '--reason',
    'by the clock',
    ...inputs(),
  ]);
  expect(created).toMatchObject({ code: 0, stdout: expect.stringContaining('created') });
  const again = await world.cli([
    'schedule',
    'create',
    id,
    'test-commands',
    '--every',
    '12h',
    ...inputs(),
  ]);
  expect(again).toMatchObject({ code: 2, stderr: expect.stringContaining('There is a schedule') });
  expect(await mine()).toMatchObject({
    ...{
      runbook: 'test-commands',
      drill: false,
      by: 'requester',
      when: 'every 12 h',
      paused: false,
    },
    next: expect.any(String),
  });

  expect(await world.cli(['schedule', 'trigger', id])).toMatchObject({ code: 0 });
  await until('the run', () => Promise.resolve(existsSync(world.path('here'))));
  const runs = (): Promise<RunSummary[]> =>
    world.json<RunSummary[]>(['runs', '--runbook', 'test-commands']);
  expect(await runs()).toMatchObject([
    { state: 'running', requester: 'requester', reason: 'by the clock' },
  ]);
  const [begun] = await runs();
  expect(await taskTimeoutSeconds(world.client.workflow.getHandle(begun?.id ?? ''))).toBe(4);
  // Another one is not begun beside it.
  await world.cli(['schedule', 'trigger', id]);
  const handle = world.client.schedule.getHandle(id);
  await until(
    'the one that is passed over',
    async () => (await handle.describe()).info.numActionsSkippedOverlap === 1,
  );
  expect(await runs()).toHaveLength(1);
  await writeFile(world.path('go'), '');
  await until('its end', async () => (await runs())[0]?.state === 'succeeded');
  await until(
    'the end of what started it',
    async () => (await handle.describe()).info.runningActions.length === 0,
  );

  expect(await world.cli(['schedule', 'pause', id, '--reason', 'freeze'])).toMatchObject({
    code: 0,
  });
  expect(await mine()).toMatchObject({ paused: true, note: 'freeze', next: null });
  expect(await world.cli(['schedule', 'resume', id])).toMatchObject({ code: 0 });
  expect(await mine()).toMatchObject({ paused: false });
  expect((await world.cli(['schedule'])).stdout).toContain(id);
  expect(await world.cli(['schedule', 'delete', id])).toMatchObject({ code: 0 });
  expect(await mine()).toBeUndefined();
}, 120_000);

test('a time that clocks leave out is told when the schedule is made, as Temporal skips it', async () => {
  const create = async (name: string, cron: string, timezone: string) => {
    const made = await world.cli([
      ...['schedule', 'create', `${id}-${name}`, 'test-commands', '--cron', cron],
      ...['--timezone', timezone, '--output', 'json', ...inputs()],
    ]);
    expect(made.code).toBe(0);
    const { nextActionTimes } = (await world.client.schedule.getHandle(`${id}-${name}`).describe())
      .info;
    await world.cli(['schedule', 'delete', `${id}-${name}`]);
    const { skips } = JSON.parse(made.stdout) as { skips: string[] };
    return { skips, said: made.stderr, next: nextActionTimes };
  };
  const zone = 'Europe/Berlin';
  const [gap] = gapsOf(zone, Date.now());
  const missing = new Date((gap?.from ?? 0) + 30 * 60_000);
  const text = missing.toISOString().slice(0, 16).replace('T', ' ');
  const [day, month] = [missing.getUTCDate(), missing.getUTCMonth() + 1];

  const yearly = await create('yearly', `30 2 ${day} ${month} *`, zone);
  // A plain calendar has it in the year of the gap; Temporal's first time is of another year.
  expect(yearly.skips[0]).toBe(text);
  expect(yearly.next[0]?.getUTCFullYear()).not.toBe(missing.getUTCFullYear());
  expect(yearly.said).toContain(`nothing is started: ${text}`);
  // Every day: Temporal's times are those of a plain calendar, less that one.
  const days = await create('daily', '30 2 * * *', zone);
  expect(days.skips).toContain(text);
  expect(days.skips).toHaveLength(gapsOf(zone, Date.now()).length);
  // In truth no hour passes there: what comes every hour misses nothing. Nor does another hour, or
  // a zone without gaps.
  expect((await create('hourly', '30 * * * *', zone)).skips).toEqual([]);
  expect((await create('later', `30 3 ${day} ${month} *`, zone)).skips).toEqual([]);
  const utc = await create('utc', `30 2 ${day} ${month} *`, 'UTC');
  expect([utc.skips, utc.said]).toEqual([[], '']);
  expect(utc.next[0]?.toISOString()).toBe(missing.toISOString());
}, 120_000);
