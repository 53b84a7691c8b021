import type { Argument, Command, Option } from 'commander';
import {
  canBeAboutRun,
  isAnswerVerb,
  isDecisionVerb,
  type AnswerVerb,
} from '../common/questions.js';
import { endStates, type RunSummary, type WaitView } from '../common/view.js';
import { verbIn, verbsOf } from './verbs.js';

/*
 * What can be typed next: at each place, nothing but what the verb would take there.
 */

export interface Suggestion {
  value: string;
  description: string;
}

/** What is there to choose from; each is asked for only where one may stand. */
export interface Choices {
  /** Runs that the verb can be about, the newest first. */
  runs(verb: string): Promise<Suggestion[]>;
  runbooks(): Promise<Suggestion[]>;
  targets(): Promise<Suggestion[]>;
  schedules(): Promise<Suggestion[]>;
  /** Gates, steps and targets of this run that wait for the verb. */
  waits(run: string, verb: string): Promise<Suggestion[]>;
  /** Steps of this run. */
  steps(run: string): Promise<Suggestion[]>;
  /** Names of the runbook's inputs. */
  inputs(runbook: string): Promise<Suggestion[]>;
  /** What an input can be, where that is a choice. */
  values(runbook: string, input: string): Promise<Suggestion[]>;
}

/** What has to be known of a run. */
export type RunToFit = Pick<RunSummary, 'state'> & {
  waitingFor: readonly Pick<WaitView, 'verbs'>[];
};

/** Whether the verb can be about the run, as it stands now. */
export function canBeAbout(verb: string, { state, waitingFor }: RunToFit): boolean {
  if (verb === 'ack') return waitingFor.length > 0;
  if (!isDecisionVerb(verb)) return true;
  if (endStates.has(state)) return false;
  if (isAnswerVerb(verb) && waitingFor.some((wait) => canAnswer(verb, wait))) return true;
  if (verb === 'pause' || verb === 'resume') return (state === 'paused') === (verb === 'resume');
  return canBeAboutRun(verb);
}

/** Whether the verb answers what the run waits for. */
export function canAnswer(verb: string, { verbs }: Pick<WaitView, 'verbs'>): boolean {
  return verbs.includes(verb as AnswerVerb);
}

/** The words typed so far, in front of the one that is being typed. */
interface Typed {
  verb: Command | undefined;
  /** Of the verb, without flags and their values. */
  given: readonly string[];
  /** All of them. */
  words: readonly string[];
  options: readonly Option[];
}

/**
 * The candidates for the last word.
 * @param words the words after `runbook`; the last one is being typed and may be empty
 */
export async function suggest(
  program: Command,
  words: readonly string[],
  choices: Choices,
): Promise<Suggestion[]> {
  // Bash hands over `name=value` as three words, and replaces the last one only.
  const isSplit = words.at(-1) === '=' || words.at(-2) === '=';
  const current = words.at(-1) === '=' ? '' : (words.at(-1) ?? '');
  const before = words.slice(0, words.at(-1) === '=' ? -1 : isSplit ? -2 : -1);
  const offered = await candidates(typedIn(program, before), current, isSplit, program, choices);
  return offered.filter(({ value }) => value.startsWith(current));
}

function typedIn(program: Command, words: readonly string[]): Typed {
  const { verb, at = 0 } = verbIn(program, words) ?? {};
  const options = [...(verb?.options ?? []), ...program.options].filter((option) => !option.hidden);
  return { verb, given: positionals(words.slice(at + 1), options), words, options };
}

async function candidates(
  typed: Typed,
  current: string,
  isSplit: boolean,
  program: Command,
  choices: Choices,
): Promise<Suggestion[]> {
  const { verb, given, words, options } = typed;
  const asked = optionAt(typed, isSplit ? -2 : -1);
  if (isSplit && asked?.long === '--input')
    return choices.values(given[0] ?? '', words.at(-1) ?? '');
  const before = optionAt(typed, -1);
  if (before) return valuesOf(before, typed, current, choices);
  if (current.startsWith('-'))
    return options.map((option) => ({
      value: option.long ?? option.short ?? '',
      description: option.description,
    }));
  if (!verb) return verbsOf(program).map(asSuggestion);
  const argument = verb.registeredArguments[given.length];
  const parts = given.length === 0 ? verbsOf(verb).map(asSuggestion) : [];
  return [...parts, ...(argument ? await argumentValues(argument, verb, given, choices) : [])];
}

function asSuggestion(command: Command): Suggestion {
  return { value: command.name(), description: command.description() };
}

/** The option at this place that takes a value. */
function optionAt({ words, options }: Typed, at: number): Option | undefined {
  const word = words.at(at);
  const option = word === undefined ? undefined : options.find((each) => isFlag(each, word));
  return option && (option.required || option.optional) ? option : undefined;
}

async function valuesOf(
  option: Option,
  { verb, given, words }: Typed,
  current: string,
  choices: Choices,
): Promise<Suggestion[]> {
  switch (option.long) {
    case '--runbook':
      return choices.runbooks();
    case '--target':
      return choices.targets();
    case '--from':
      return choices.runs(verb?.name() ?? '');
    case '--at':
      return choices.steps(words[words.indexOf('--from') + 1] ?? '');
    case '--input':
      return inputValues(given[0] ?? '', current, choices);
    default:
      return (option.argChoices ?? []).map((value) => ({ value, description: '' }));
  }
}

/** `name=`, and behind it what the input can be. */
async function inputValues(
  runbook: string,
  current: string,
  choices: Choices,
): Promise<Suggestion[]> {
  const at = current.indexOf('=');
  const [name, all] =
    at === -1
      ? ['', await choices.inputs(runbook)]
      : [current.slice(0, at), await choices.values(runbook, current.slice(0, at))];
  return all.map(({ value, description }) => ({
    value: name === '' ? `${value}=` : `${name}=${value}`,
    description,
  }));
}

async function argumentValues(
  argument: Argument,
  verb: Command,
  [run = '']: readonly string[],
  choices: Choices,
): Promise<Suggestion[]> {
  if (argument.argChoices) return argument.argChoices.map((value) => ({ value, description: '' }));
  switch (argument.name()) {
    case 'runbook':
      return choices.runbooks();
    case 'target':
      return choices.targets();
    case 'schedule':
      return choices.schedules();
    case 'gate':
      return choices.waits(run, verb.name());
    case 'step':
      return isAnswerVerb(verb.name()) ? choices.waits(run, verb.name()) : choices.steps(run);
    case 'run':
      return [
        { value: '@latest', description: 'the newest run' },
        ...(await choices.runs(verb.name())),
      ];
    default:
      return [];
  }
}

/** The words that are arguments: neither a flag nor the value of one. */
function positionals(words: readonly string[], options: readonly Option[]): string[] {
  const found: string[] = [];
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index] ?? '';
    const option = options.find((each) => isFlag(each, word));
    if (option?.required || option?.optional) {
      // Its value may be three words: `name`, `=`, `value`.
      index += words[index + 2] === '=' ? 3 : 1;
    } else if (!word.startsWith('-') && word !== '=') found.push(word);
  }
  return found;
}

function isFlag(option: Option, word: string): boolean {
  return word === option.long || word === option.short;
}
