import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Context } from '@temporalio/activity';
import type pg from 'pg';
import { CommandClaim } from '../../activities/commands.js';
import type { Point } from './points.js';
import { watchQueries } from './queries.js';
import { watchRequests } from './requests.js';

/**
 * The process dies so long after the last step arrived at its point, and so long after the first at
 * the latest, in milliseconds: one death takes many steps with it. It heartbeats meanwhile.
 */
const lastMs = 500;
const firstMs = 2_000;
/**
 * An effect that is under way does not stand still, so the process dies so soon, in milliseconds.
 */
const underWayMs = 40;

/** A step's first attempt is claimed by one statement, a later one in a transaction. */
const firstClaim = 'attempts-begin-first';
const laterClaim = 'attempts-begin';
const claims = new Set([firstClaim, laterClaim]);

/**
 * Lets this worker die at the points that its runs name: a run whose id contains `at-<point>` dies
 * there once in every one of its steps. Nothing of the program knows of it: its statements, its
 * requests and its commands are watched.
 * @param folder where every death is noted by an empty file, so that no step dies twice
 */
export function dieAtPoints(folder: string): void {
  const stops = new Stops(folder);
  const beginning = new WeakSet<pg.Client>();
  watchQueries({
    before({ name }, client) {
      if (claims.has(name) && stops.wants('before-claim')) return stops.stop('before-claim');
      if (name === laterClaim) beginning.add(client);
      if (name === 'attempts-end' && stops.wants('before-report'))
        return stops.stop('before-report');
      return undefined;
    },
    after({ name, text }, _result, client) {
      if (name === firstClaim && stops.wants('after-claim')) return stops.stop('after-claim');
      if (text === 'COMMIT' && beginning.delete(client) && stops.wants('after-claim'))
        return stops.stop('after-claim');
      // COMMIT was sent; whether it was answered is not heard any more.
      if (text === 'COMMIT' && isTarget(client) && stops.wants('in-effect'))
        return stops.stop('in-effect');
      if (text === 'COMMIT' && isTarget(client) && stops.wants('after-effect'))
        return stops.stop('after-effect');
      if (name === 'attempts-end' && stops.wants('before-answer'))
        return stops.stop('before-answer');
      return undefined;
    },
  });
  watchRequests({
    sent: () => {
      if (stops.wants('in-effect')) stops.die('in-effect');
    },
    isHeard: () => {
      if (!stops.wants('after-effect')) return true;
      stops.die('after-effect');
      return false;
    },
  });
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called with its own `this` below
  const run = CommandClaim.prototype.run;
  CommandClaim.prototype.run = async function (spec, watch) {
    if (stops.wants('in-effect')) stops.die('in-effect');
    const outcome = await run.call(this, spec, watch);
    return stops.wants('after-effect') ? stops.stop('after-effect') : outcome;
  };
}

/**
 * Lets this worker stand still between the claim of its first step and the step's effect, until
 * somebody wakes it.
 */
export function standStillAfterClaim(): void {
  let client: pg.Client | undefined;
  let stood = false;
  watchQueries({
    before({ name }, its) {
      if (name === laterClaim) client ??= its;
      return undefined;
    },
    after({ name, text }, _result, its) {
      if (stood || !(name === firstClaim || (text === 'COMMIT' && its === client)))
        return undefined;
      stood = true;
      process.kill(process.pid, 'SIGSTOP');
      return undefined;
    },
  });
}

/** A connection of a step of kind `sql`, as opposed to one of the record's. */
function isTarget(client: pg.Client): boolean {
  const { connectionParameters } = client as unknown as {
    connectionParameters: { application_name?: string };
  };
  return connectionParameters.application_name?.startsWith('runbook/') ?? false;
}

class Stops {
  private first: number | undefined;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly folder: string) {}

  /**
   * Is the step that runs now to die at this point, and has not yet? Answering yes uses the death
   * up.
   */
  wants(point: Point): boolean {
    const step = currentStep();
    if (!step?.run.includes(`at-${point}-`)) return false;
    try {
      writeFileSync(join(this.folder, `${step.run} ${step.path}`), '', { flag: 'wx' });
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
      throw error;
    }
  }

  /** The step stands still from here on. */
  stop(point: Point): Promise<never> {
    this.die(point);
    return new Promise<never>(() => undefined);
  }

  die(point: Point): void {
    this.first ??= Date.now();
    clearTimeout(this.timer);
    const wait =
      point === 'in-effect'
        ? underWayMs
        : Math.max(0, Math.min(lastMs, this.first + firstMs - Date.now()));
    this.timer = setTimeout(() => process.kill(process.pid, 'SIGKILL'), wait);
  }
}

function currentStep(): { run: string; path: string } | undefined {
  try {
    const { workflowExecution, activityId } = Context.current().info;
    return workflowExecution ? { run: workflowExecution.workflowId, path: activityId } : undefined;
  } catch {
    // Not in an activity: nobody's step.
    return undefined;
  }
}
