import { InvalidArgumentError, type Command } from 'commander';
import type { DeskVerb } from '../../common/questions.js';
import type { JsonObject } from '../../language/json.js';
import { yesOption } from '../consent.js';
import type { Io } from '../io.js';
import { asOption, examples, input, optionsOf, reasonOption, timeoutOption } from '../options.js';
import { runDecide, type DecideOptions } from './approve.js';

const descriptions: Record<DeskVerb, string> = {
  retry: 'do a failed step again',
  skip: 'go on without a failed step',
  done: 'go on: what the step does was done by hand',
  rollback: 'end a run, and undo what was changed; shows first what that is',
  abort: 'end a run, and leave everything as it is',
};

export const registerRetry = register('retry');
export const registerSkip = register('skip');
export const registerDone = register('done');
export const registerRollback = register('rollback');
export const registerAbort = register('abort');

/** The verbs of the failure desk: the same decision, answer and record as at a gate. */
function register(verb: DeskVerb): (program: Command, io: Io) => void {
  return (program, io) => {
    const command = program
      .command(verb)
      .description(descriptions[verb])
      .argument('<run>', 'id of the run, or @latest')
      .argument('[step]', 'the failed step; may be left out when only one waits')
      .addOption(reasonOption());
    if (verb === 'done')
      command.option(
        '--answer <name=value>',
        'an output of the step, may be repeated; also --output name=value',
        answer,
      );
    if (verb === 'retry')
      command.option(
        '--input <name=value>',
        'a changed input, may be repeated: finished steps ' +
          'stay finished, and gates passed so far ask again',
        input,
      );
    command
      .option('--digest <digest>', 'digest of what you saw; refused when the step has failed again')
      .option('--decision-id <id>', 'ask again for the verdict on a decision that was sent')
      .addOption(asOption())
      .addOption(yesOption())
      .addOption(timeoutOption('how long to wait for the verdict (default 10s)'))
      .addHelpText(
        'after',
        examples(`runbook ${verb} @latest --reason "looked at it with the data team"`),
      )
      .action(async (id: string, step: string | undefined, _own: unknown, self: Command) => {
        const {
          answer: outputs,
          input: inputs,
          ...own
        } = optionsOf<
          Omit<DecideOptions, 'run' | 'verb'> & {
            answer?: Record<string, string>;
            input?: JsonObject;
          }
        >(self);
        io.exitCode = await runDecide(
          {
            ...own,
            verb,
            run: id,
            ...(step === undefined ? {} : { about: step }),
            ...(outputs ? { outputs } : {}),
            ...(inputs ? { inputs } : {}),
          },
          io,
        );
      });
  };
}

/** `name=value`, collected. */
function answer(text: string, before: Record<string, string> = {}): Record<string, string> {
  const at = text.indexOf('=');
  if (at <= 0) throw new InvalidArgumentError('Write it as name=value.');
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}
