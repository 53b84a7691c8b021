import { createHash } from 'node:crypto';
import { StepFailure } from '../activities/failure.js';
import { parseOutput } from '../activities/parse-output.js';
import { isRepeatable } from '../common/tries.js';
import type { Outcome } from '../language/document/schema/test.js';
import type { Json, JsonObject } from '../language/json.js';
import type { CommandAction } from '../language/kinds/command.js';
import type { HttpAction } from '../language/kinds/http.js';
import type { Action } from '../language/kinds/index.js';
import type { SqlAction } from '../language/kinds/sql.js';

/**
 * What a worker would answer if the outside world did what the test says.
 * @throws StepFailure where that is a failure
 */
export function answerOf(action: Action, outcome: Outcome): Json {
  switch (action.kind) {
    case 'command':
      return commandAnswer(action, outcome);
    case 'http':
      return httpAnswer(action, outcome);
    case 'sql':
      return sqlAnswer(action, outcome);
    case 'check':
      return answerOf(action.probe, outcome);
    default:
      return outcome.json ?? {};
  }
}

/** What is sure of the answer of a step that succeeds, where the test says nothing of it. */
export function sureAnswer(action: Action): JsonObject {
  switch (action.kind) {
    case 'command': {
      const [only, other] = action.exitCodes ?? [0];
      return only === undefined || other !== undefined ? {} : { exitCode: only };
    }
    case 'http': {
      const [only, other] = action.statuses ?? [];
      return only === undefined || other !== undefined ? {} : { status: only };
    }
    case 'check':
      return sureAnswer(action.probe);
    default:
      return {};
  }
}

function commandAnswer(action: CommandAction, outcome: Outcome): JsonObject {
  const { argv, parse, exitCodes = [0] } = action;
  const [program = ''] = argv;
  const { exitCode = 0, stderr = '' } = outcome;
  const stdout = outcome.stdout ?? (outcome.json === undefined ? '' : JSON.stringify(outcome.json));
  const answer = {
    ...{ exitCode, signal: null, stdout, stderr, truncated: false },
    bytes: { stdout: Buffer.byteLength(stdout), stderr: Buffer.byteLength(stderr) },
    sha256: { stdout: sha256(stdout), stderr: sha256(stderr) },
  };
  if (!exitCodes.includes(exitCode)) {
    const tail = stderr.trim() || stdout.trim();
    throw new StepFailure(
      'CommandFailed',
      `${program} ended with exit code ${exitCode}${tail ? `: ${tail}` : ''}`,
      { details: { exitCode, signal: null }, answer },
    );
  }
  return { ...answer, ...(parse === undefined ? {} : parseOutput(parse, program, stdout)) };
}

/** Statuses that say that nothing was done yet. */
const again: ReadonlySet<number> = new Set([425, 429]);

function httpAnswer(action: HttpAction, { status, json, text = '' }: Outcome): JsonObject {
  const given = status ?? action.statuses?.[0] ?? 200;
  const isFine = action.statuses?.includes(given) ?? (given >= 200 && given < 300);
  if (!isFine) throw httpFailure(action, given);
  if (json !== undefined) return { status: given, json };
  const size = Buffer.byteLength(text);
  return { status: given, text, truncated: false, bytes: size, sha256: sha256(text) };
}

function httpFailure(action: HttpAction, status: number): StepFailure {
  const message = `${action.method} ${action.path} answered ${status}`;
  if (status === 401 || status === 403) return new StepFailure('HttpDenied', message);
  if (again.has(status)) return new StepFailure('HttpUnavailable', message, { nothingDone: true });
  if (status === 408 || status >= 500)
    return isRepeatable({ kind: 'http', effect: 'change' }, action)
      ? new StepFailure('HttpUnavailable', message)
      : new StepFailure('OutcomeUnknown', `${message}, and the request may have been done`);
  return new StepFailure('HttpRejected', message, { details: { status } });
}

function sqlAnswer({ statements }: SqlAction, { rows }: Outcome): JsonObject {
  const named = statements.flatMap(({ as }) => (as === undefined ? [] : [as]));
  const given = (name: string, at: number): JsonObject[] => {
    if (Array.isArray(rows)) return at === 0 ? rows : [];
    return rows?.[name] ?? [];
  };
  const only = statements.length === 1 && named[0] === 'rows' ? given('rows', 0) : null;
  return {
    ...Object.fromEntries(named.map((name, at) => [name, given(name, at)])),
    ...(only ? { row: only[0] ?? null, count: only.length } : {}),
    rowCounts: statements.map(({ as }) =>
      as === undefined ? 0 : given(as, named.indexOf(as)).length,
    ),
  };
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
