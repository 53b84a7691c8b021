import { randomUUID } from 'node:crypto';
import { Option, type Command } from 'commander';
import type { StartEnvelope } from '../../common/envelope.js';
import type { Plan } from '../../language/plan.js';
import { commandName } from '../command-name.js';
import { asksFirst, isConfirmed, yesOption, type Consent } from '../consent.js';
import { CliError } from '../errors.js';
import { exitCodes } from '../exit-codes.js';
import type { Io } from '../io.js';
import {
  asOption,
  drillOption,
  duration as durationOption,
  examples,
  input,
  optionsOf,
  reasonOption,
  type GivenInputs,
} from '../options.js';
import { painter, print, printList, printValue, remark } from '../output.js';
import { thisSender } from '../sender.js';
import { withSession } from '../session.js';
import { operatorName, type GlobalFlags } from '../settings.js';
import { table, type TableForm } from '../table.js';
import { age } from '../times.js';
import { bothTimes, duration } from '../../common/times.js';
import type { ScheduleView } from '../schedules.js';

interface ScheduleOptions extends GlobalFlags, Consent {
  /** What is done; `list` when nothing is said. */
  verb: 'create' | 'list' | 'pause' | 'resume' | 'trigger' | 'delete';
  id?: string;
  runbook?: string;
  every?: number;
  cron?: string;
  timezone?: string;
  input?: GivenInputs;
  inputsFile?: string;
  as?: string;
  drill?: boolean;
  unattended?: 'abort' | 'rollback' | 'continue';
}

/** Ids that every shell and link takes as they are. */
const idPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;
const nothingDone = 'Nothing was changed';
/** Milliseconds; the server starts nothing more often. */
const leastEveryMs = 1_000;

export function registerSchedule(program: Command, io: Io): void {
  const schedule = program
    .command('schedule')
    .description('start runs at times: create, list, pause, resume, trigger, delete')
    .addHelpText(
      'after',
      examples(
        "runbook schedule create quarterly full-system-disaster-recovery --cron '0 3 1 */3 " +
          "*' --drill --inputs-file drill.yaml --reason 'quarterly drill'",
        'runbook schedule list',
        'runbook schedule trigger quarterly',
      ),
    );
  schedule
    .command('create')
    .description('start runs of a runbook at times')
    .argument('<id>', 'name of the schedule')
    .argument('<runbook>', 'id of the runbook')
    .option('--every <duration>', 'at this interval, such as 30m', durationOption)
    .option('--cron <expression>', "at these times, such as '0 3 * * 0'")
    .option('--timezone <zone>', 'time zone of --cron (default UTC)')
    .option('--input <name=value>', 'an input; may be repeated', input)
    .option('--inputs-file <file>', 'inputs from a YAML or JSON file')
    .addOption(drillOption())
    .addOption(reasonOption())
    .addOption(asOption())
    .addOption(yesOption())
    .addOption(
      new Option(
        '--unattended <what>',
        'what to do when a step fails (default: ask people, in a drill abort)',
      ).choices(['abort', 'rollback', 'continue']),
    )
    .addHelpText(
      'after',
      examples(
        'runbook schedule create nightly pipeline-recovery ' +
          "--cron '0 3 * * *' --input pipeline=orders",
      ),
    )
    .action(async (id: string, runbook: string, _own: unknown, command: Command) => {
      io.exitCode = await runSchedule(
        { ...optionsOf<Omit<ScheduleOptions, 'verb'>>(command), verb: 'create', id, runbook },
        io,
      );
    });
  schedule
    .command('list', { isDefault: true })
    .description('list the schedules')
    .addHelpText('after', examples('runbook schedule list', 'runbook schedule --output json'))
    .action(async (_own: unknown, command: Command) => {
      io.exitCode = await runSchedule({ ...optionsOf<GlobalFlags>(command), verb: 'list' }, io);
    });
  const verbs = [
    ['pause', 'start nothing more until it is resumed'],
    ['resume', 'start runs again'],
    ['trigger', 'start a run now'],
    ['delete', 'remove the schedule; runs that it started go on'],
  ] as const;
  for (const [verb, description] of verbs) {
    const command = schedule
      .command(verb)
      .description(description)
      .argument('<schedule>', 'name of the schedule')
      .addHelpText('after', examples(`runbook schedule ${verb} quarterly`));
    if (verb === 'pause') command.addOption(reasonOption());
    command.addOption(yesOption()).action(async (id: string, _own: unknown, own: Command) => {
      io.exitCode = await runSchedule(
        { ...optionsOf<Omit<ScheduleOptions, 'verb'>>(own), verb, id },
        io,
      );
    });
  }
}

/** Makes, lists and changes schedules. */
function runSchedule(options: ScheduleOptions, io: Io): Promise<number> {
  return withSession(options, io, async (session) => {
    const { createSchedule, listSchedules, trigger, withSchedule } =
      await import('../schedules.js');
    const { id = '', verb } = options;
    const asks = verb !== 'list' && asksFirst(io, options, nothingDone);
    if (asks && verb !== 'create') {
      await withSchedule(session, id, (handle) => handle.describe());
      const known = (await listSchedules(session)).filter((each) => each.id === id);
      if (known.length > 0) remark(io, tableOf(known, options, io));
      const question = `${verb[0]?.toUpperCase()}${verb.slice(1)} schedule ${id}?`;
      if (!(await isConfirmed(io, question, nothingDone))) return exitCodes.ok;
    }
    let skips: string[] = [];
    switch (verb) {
      case 'list':
        show(await listSchedules(session), options, io);
        return exitCodes.ok;
      case 'create': {
        const when = whenOf(options);
        if (!idPattern.test(id))
          throw new CliError(
            'This name cannot be used.',
            'Use letters, digits, ., _ and -, 100 at most.',
            exitCodes.usage,
          );
        const { admittedPlan } = await import('../admitted-plan.js');
        const envelope = await envelopeOf(options, io);
        // A start that admission would refuse each time is refused now.
        const { plan } = await admittedPlan(session, nothingDone, envelope);
        if (asks && !(await isCreationConfirmed(plan, options, io))) return exitCodes.ok;
        skips = await createSchedule(session, id, envelope, when);
        break;
      }
      case 'pause':
        await withSchedule(session, id, (handle) =>
          handle.pause(options.reason ?? 'paused by an operator'),
        );
        break;
      case 'resume':
        await withSchedule(session, id, (handle) => handle.unpause('resumed by an operator'));
        break;
      case 'trigger':
        await withSchedule(session, id, trigger);
        break;
      case 'delete':
        await withSchedule(session, id, (handle) => handle.delete());
    }
    if (options.output === 'json' || options.output === 'jsonl')
      printValue(io, options.output, { id, done: verb, ...(verb === 'create' ? { skips } : {}) });
    else {
      print(io, `Schedule ${id}: ${done[verb]}`);
      if (verb === 'trigger') print(io, `See it with: ${session.command} runs`);
    }
    if (skips.length > 0) {
      const rest = skips.length > 3 ? ` and ${skips.length - 3} times more in twelve years` : '';
      remark(
        io,
        'Clocks are put forward then, and nothing is started: ' +
          `${skips.slice(0, 3).join(', ')}${rest}. Choose another hour, or --timezone UTC.`,
      );
    }
    return exitCodes.ok;
  });
}

const done = {
  create: 'created.',
  pause: 'paused; nothing is started until it is resumed.',
  resume: 'resumed.',
  trigger: 'a run is being started, unless one still goes on.',
  delete: 'deleted; runs that it started go on.',
};

/** Shows what each run of the schedule would do, and asks. */
async function isCreationConfirmed(plan: Plan, options: ScheduleOptions, io: Io): Promise<boolean> {
  const { renderPlan } = await import('../plan-text.js');
  const { targetsText } = await import('../question-text.js');
  remark(io, `${renderPlan(plan, painter(io, options.color), io.columns)}\n`);
  const when = options.cron ?? `every ${duration(options.every ?? 0)}`;
  const what = `${plan.runbook.id} on ${targetsText(plan.targets)}`;
  const question = `Start ${what} at these times: ${when}?`;
  return isConfirmed(io, question, nothingDone);
}

function whenOf({ every, cron, timezone }: ScheduleOptions) {
  if ((every === undefined) === (cron === undefined)) {
    throw new CliError('When?', "Give either --every 30m, or --cron '0 3 * * 0'.", exitCodes.usage);
  }
  if (cron !== undefined) return { cron, timezone: timezone ?? 'UTC' };
  if (timezone !== undefined)
    throw new CliError('--timezone goes with --cron.', 'Leave it out.', exitCodes.usage);
  const everyMs = every ?? 0;
  if (everyMs < leastEveryMs)
    throw new CliError('--every is too short.', 'Give a second at least.', exitCodes.usage);
  return { everyMs };
}

async function envelopeOf(options: ScheduleOptions, io: Io): Promise<StartEnvelope> {
  const { readInputs } = await import('../inputs.js');
  const unattended = options.unattended ?? (options.drill ? 'abort' : undefined);
  return {
    version: 1,
    id: randomUUID(),
    verb: 'start',
    run: `schedule-${options.id}`,
    runbook: options.runbook ?? '',
    inputs: await readInputs(options),
    by: operatorName(options.as, io.env),
    sender: thisSender(),
    reason: options.reason ?? `schedule ${options.id}`,
    ...(options.drill ? { drill: true } : {}),
    ...(unattended === undefined ? {} : { unattended }),
  };
}

function show(schedules: readonly ScheduleView[], options: ScheduleOptions, io: Io): void {
  if (options.output === 'json' || options.output === 'jsonl')
    return printList(io, options.output, schedules);
  if (schedules.length === 0)
    return remark(
      io,
      `No schedules yet. Make one with: ${commandName(io.env)} ` +
        "schedule create NAME RUNBOOK --cron '0 3 * * 0'",
    );
  print(io, tableOf(schedules, options, io));
}

function tableOf(schedules: readonly ScheduleView[], options: ScheduleOptions, io: Io): string {
  const rows = schedules.map((each) => [
    each.id,
    each.drill ? `${each.runbook} (drill)` : each.runbook,
    each.when,
    each.paused ? 'paused' : each.next === null ? 'never' : bothTimes(each.next),
    each.last === null ? 'never' : `${age(each.last)} ago`,
    each.by,
  ]);
  return table(ofSchedules, rows, io.columns, painter(io, options.color));
}

const ofSchedules: TableForm = {
  columns: [
    { name: 'SCHEDULE' },
    { name: 'RUNBOOK' },
    { name: 'WHEN' },
    { name: 'NEXT' },
    { name: 'LAST' },
    { name: 'BY' },
  ],
  narrow: [
    ['NEXT', 23],
    ['BY', 'below'],
    ['WHEN', 12],
    ['WHEN', 'below'],
    ['LAST', 'below'],
    ['NEXT', 'below'],
    ['RUNBOOK', 'below'],
  ],
};
