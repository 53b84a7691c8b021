import type { RunState, StepState, StepView } from '../common/view.js';
import { outcomeOf } from '../common/step-outcome.js';
import type { Paint, Style } from './output.js';

export function paintState(paint: Paint, state: RunState): string {
  return paint(runStyles[state], state);
}

export function styleOf(step: StepView): Style {
  return outcomeOf(step) === step.state ? styles[step.state] : 'yellow';
}

export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

const styles: Record<StepState, Style> = {
  pending: 'dim',
  waiting: 'yellow',
  running: 'cyan',
  succeeded: 'green',
  failed: 'red',
  'needs-operator': 'yellow',
  unknown: 'red',
  skipped: 'dim',
  'done-by-hand': 'green',
  'not-needed': 'dim',
  undoing: 'cyan',
  undone: 'yellow',
};

const runStyles: Record<RunState, Style> = {
  running: 'cyan',
  waiting: 'yellow',
  'needs-operator': 'yellow',
  paused: 'yellow',
  'rolling-back': 'cyan',
  succeeded: 'green',
  'succeeded-with-exceptions': 'yellow',
  failed: 'red',
  'rolled-back': 'yellow',
  rejected: 'yellow',
  cancelled: 'yellow',
  terminated: 'red',
};
