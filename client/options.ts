import { InvalidArgumentError, Option, type Command } from 'commander';
import { durationMs } from '../language/duration.js';
import { field } from '../language/objects.js';
import { outputFormats } from './output.js';
import type { GlobalFlags } from './settings.js';

/** `--timeout 30s` in milliseconds. */
export function duration(text: string): number {
  const ms = durationMs(text);
  if (ms === undefined)
    throw new InvalidArgumentError('It is no duration: write for example 500ms, 30s, 5m or 1h30m.');
  return ms;
}

/** `--limit 20`: a whole number from 1. */
export function count(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text))
    throw new InvalidArgumentError('It must be a whole number from 1.');
  return Number(text);
}

/** The inputs of a command line; what is given several times is a list. */
export type GivenInputs = Record<string, string | string[]>;

/** `--input name=value`, collected; admission checks the values. */
export function input(text: string, before: Readonly<GivenInputs> = {}): GivenInputs {
  const at = text.indexOf('=');
  if (at <= 0) throw new InvalidArgumentError('Write it as name=value.');
  const name = text.slice(0, at);
  const value = text.slice(at + 1);
  const known = field(before, name);
  return { ...before, [name]: known === undefined ? value : [known, value].flat() };
}

/** The flags of every command, named as Temporal's own command line names them. */
export function globalOptions(): Option[] {
  return [
    new Option(
      '--address <host:port>',
      'Temporal server (TEMPORAL_ADDRESS, temporal.toml, the running dev)',
    ),
    new Option('--namespace <name>', 'Temporal namespace (TEMPORAL_NAMESPACE)'),
    new Option('--profile <name>', 'profile in temporal.toml (TEMPORAL_PROFILE)'),
    new Option('--task-queue <name>', 'task queue of the workers (RUNBOOK_TASK_QUEUE)'),
    new Option('--output <format>', 'what is printed on stdout').choices(outputFormats),
    new Option('--no-color', 'plain text (also NO_COLOR)'),
  ];
}

/** The options of a command with the global ones, in the form that its run function takes. */
export function optionsOf<T>(command: Command): T & GlobalFlags {
  return command.optsWithGlobals<T & GlobalFlags>();
}

export const asOption = (): Option =>
  new Option('--as <name>', 'who you are (RUNBOOK_OPERATOR, else your user name)');
export const reasonOption = (): Option =>
  new Option('--reason <text>', 'why; it is recorded and shown');
export const drillOption = (): Option =>
  new Option('--drill', 'practise it: changes isolated targets only, and undoes what it made');
export const graphOption = (): Option =>
  new Option('--graph <file>', 'draw the steps into a file: .svg, .html, or .mmd for Mermaid');
export const timeoutOption = (what: string): Option =>
  new Option('--timeout <duration>', what).argParser(duration);

/** Examples under a command's help. */
export function examples(...lines: string[]): string {
  return `\nExamples:\n${lines.map((line) => `  ${line}`).join('\n')}`;
}
