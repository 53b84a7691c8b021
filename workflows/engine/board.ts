import { setCurrentDetails, upsertMemo, upsertSearchAttributes } from '@temporalio/workflow';
import type { Json } from '../../language/json.js';
import type { StepSpec } from '../../language/runbook.js';
import { pendingStep } from '../../common/initial-view.js';
import { searchAttributes } from '../../common/names.js';
import type { Problem, RunState, RunView, StepState, StepView, WaitView } from '../../common/view.js';
import { renderDetails } from './details.js';

/** The run's state as people see it, and the one place that publishes it (status query, Temporal UI, search attributes). */
export class Board {
  private readonly steps = new Map<string, StepView>();
  private published = { state: '', step: '', command: '' };

  constructor(readonly view: RunView) {
    for (const step of view.steps) this.steps.set(step.id, step);
  }

  /** The row of a step; made on first use, behind the rows of its group, when the plan could not know it. */
  row(path: string, spec: StepSpec): StepView {
    const known = this.steps.get(path);
    if (known) return known;
    const row = pendingStep(path, spec);
    this.steps.set(path, row);
    this.view.steps.splice(this.placeOf(path), 0, row);
    return row;
  }

  begin(row: StepView, state: 'running' | 'waiting' | 'undoing' = 'running'): void {
    row.state = state;
    row.startedAt ??= now();
    row.endedAt = null;
    row.error = null;
    this.publish(row.id);
  }

  end(row: StepView, state: StepState, result: { output?: Json; error?: Problem } = {}): void {
    row.state = state;
    row.endedAt = now();
    if (result.output !== undefined) row.output = result.output;
    row.error = result.error ?? null;
  }

  openWait(wait: WaitView): void {
    this.view.waitingFor.push(wait);
    this.view.state = this.waitingState();
    this.publish(wait.id);
  }

  closeWait(id: string): void {
    this.view.waitingFor = this.view.waitingFor.filter((wait) => wait.id !== id);
    if (this.view.state === 'waiting' || this.view.state === 'needs-operator') this.view.state = this.waitingState();
  }

  private waitingState(): RunState {
    if (this.view.waitingFor.some((wait) => wait.kind === 'failure')) return 'needs-operator';
    return this.view.waitingFor.length > 0 ? 'waiting' : 'running';
  }

  setState(state: RunState): void {
    this.view.state = state;
    this.publish('');
  }

  close(state: RunState, problem: Problem | null): void {
    this.view.problem = problem;
    this.view.endedAt = now();
    this.setState(state);
  }

  /** Sends what changed. Details cost nothing; an attribute or memo costs one history event, so only differences are sent. */
  private publish(path: string): void {
    setCurrentDetails(renderDetails(this.view));
    const state = this.view.state;
    const step = path.split('/')[0] ?? '';
    if (state !== this.published.state || step !== this.published.step) {
      upsertSearchAttributes([
        { key: searchAttributes.state, value: state },
        { key: searchAttributes.step, value: step },
      ]);
    }
    const command = this.view.waitingFor.map((wait) => wait.command).join('\n');
    if (command !== this.published.command) upsertMemo({ approve: command });
    this.published = { state, step, command };
  }

  private placeOf(path: string): number {
    const group = groupOf(path);
    const last = this.view.steps.findLastIndex((step) => groupOf(step.id) === group);
    return last === -1 ? this.view.steps.length : last + 1;
  }
}

/** `corrupt/load` and `corrupt.2/load` belong to the declared step `corrupt`. */
function groupOf(path: string): string {
  return path.split(/[/.]/)[0] ?? path;
}

function now(): string {
  return new Date().toISOString();
}
