import { describe, expect, test } from '@jest/globals';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ServiceError, WorkflowNotFoundError } from '@temporalio/client';
import fc from 'fast-check';
import {
  CliError,
  explain,
  isNotFound,
  isRecordAway,
  isUnreachable,
} from '../../../client/errors.js';
import { unknownName } from '../../../client/nearest.js';
import { printError } from '../../../client/output.js';
import { startHere } from '../../../client/start-here.js';
import { recordedIo } from './fake-io.js';

const context = {
  command: './runbook',
  address: 'temporal.example:7233',
  namespace: 'default',
  databaseUrl: 'postgres://user:hunter2@db.example:5432/runbook',
};

/** As Temporal's client wraps what gRPC reports. */
function grpc(code: number, details: string): Error {
  return new ServiceError('Failed to do it', {
    cause: Object.assign(new Error(`${code} ${details}`), { code, details }),
  });
}

const pg = (code: string): Error =>
  Object.assign(new Error(`some text of the driver (${code})`), { code });

test('the hint names the example that was tried here, without which its targets are not there', async () => {
  const home = await mkdtemp(join(tmpdir(), 'runbook-home-'));
  const env = { RUNBOOK_HOME: home };
  try {
    expect(startHere('./runbook', env)).toBe('./runbook dev');
    await mkdir(join(home, 'examples', 'pipeline'), { recursive: true });
    expect(startHere('./runbook', env)).toBe(
      './runbook dev (with the example: ./runbook dev --example pipeline)',
    );
  } finally {
    await rm(home, { recursive: true });
  }
});

test('who presses Ctrl-C reads no error, below the ^C of the terminal', () => {
  const own = new CliError('No longer watching; the run goes on.', 'Watch it again', 130);
  const said = (isTTY: boolean) => {
    const io = recordedIo({ isTTY });
    printError(io, own, 'text', false);
    return io.err();
  };
  expect(said(true)).toBe('\nNo longer watching; the run goes on.\nNext:  Watch it again\n');
  expect(said(false)).toBe('No longer watching; the run goes on.\nNext:  Watch it again\n');
});

test('a long list of names stands one a line, so that none is broken', () => {
  const known = Array.from({ length: 20 }, (_, at) => `nightly-20260301-02000${at}-ab12`);
  const { next } = unknownName('There is no run.', { name: 'zzzz', what: 'runs', known }, 'r runs');
  expect(next).toContain(`The runs are:\n  ${known[0]}\n  ${known[1]}\n`);
  expect(next).toMatch(/\n {2}and 8 more\nSee all with: r runs$/);
  const few = unknownName('x', { name: 'zzzz', what: 'runbooks', known: ['a-one', 'b-two'] });
  expect(few.next).toBe('The runbooks are: a-one, b-two.');
});

describe('errors are explained', () => {
  test.each([
    [
      'no server',
      grpc(14, 'No connection established'),
      /No Temporal server answers at temporal\.example:7233/,
      /\.\/runbook dev/,
      1,
    ],
    ['a silent server', grpc(4, 'Deadline exceeded'), /did not answer in time/, /doctor/, 6],
    [
      'a missing right',
      grpc(7, 'Request unauthorized.'),
      /refuses us: Request unauthorized\./,
      /API key/,
      4,
    ],
    ['a wrong key', grpc(16, 'bad token'), /refuses us: bad token\./, /API key/, 4],
    [
      'missing search attributes',
      grpc(3, 'Namespace default has no mapping defined for search attribute RunbookState'),
      /search attributes/,
      /\.\/runbook setup/,
      1,
    ],
    [
      'an unknown run',
      new WorkflowNotFoundError('not found', 'x', undefined),
      /no such run/,
      /\.\/runbook runs/,
      2,
    ],
    [
      'no PostgreSQL',
      pg('ECONNREFUSED'),
      /PostgreSQL.* does not answer at db\.example:5432\/runbook/,
      /RUNBOOK_DATABASE_URL/,
      1,
    ],
    [
      'PostgreSQL on two addresses',
      new AggregateError([pg('ECONNREFUSED'), pg('ECONNREFUSED')]),
      /PostgreSQL.* does not answer/,
      /dev/,
      1,
    ],
    ['a wrong password', pg('28P01'), /refuses the user or password/, /RUNBOOK_DATABASE_URL/, 4],
    ['no such database', pg('3D000'), /no such database/, /create/, 1],
    ['no record in it', pg('42P01'), /no record yet/, /\.\/runbook setup/, 1],
    [
      'no such file',
      Object.assign(new Error('ENOENT'), { code: 'ENOENT', path: 'inputs.yaml' }),
      /no file inputs\.yaml/,
      /path/,
      2,
    ],
    [
      'anything else',
      new TypeError('x is not a function'),
      /Something unexpected happened: x is not a function\./,
      /doctor/,
      1,
    ],
  ])('%s', (_name, error, message, next, code) => {
    const told = explain(error, context);
    expect(told.message).toMatch(message);
    expect(told.next).toMatch(next);
    expect(told.exitCode).toBe(code);
    expect(`${told.message} ${told.next}`).not.toContain('hunter2');
  });

  test('doctor does not send people to doctor', () => {
    for (const error of [grpc(4, 'Deadline exceeded'), grpc(13, 'x'), pg('XX000'), new Error('x')])
      expect(explain(error, { ...context, inDoctor: true }).next).toMatch(/where it runs/);
  });

  test('an error for people stays as it is', () => {
    const error = new CliError('a', 'b', 4);
    expect(explain(error, context)).toBe(error);
  });

  test('whatever is thrown becomes one paragraph without a stack', () => {
    fc.assert(
      fc.property(fc.anything(), fc.string(), (thrown, text) => {
        for (const error of [thrown, Object.assign(new Error(text), { code: thrown })]) {
          const told = explain(error, context);
          expect(told.message.trim()).not.toBe('');
          expect(told.message).not.toMatch(/\n\s+at /);
          expect(told.message.split('\n')).toHaveLength(1);
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('what may be waited for', () => {
  test.each([
    [grpc(14, 'x'), true, false, false],
    [grpc(4, 'x'), true, false, false],
    [grpc(5, 'x'), false, true, false],
    [pg('57P01'), false, false, true],
    [new Error('Connection terminated unexpectedly'), false, false, true],
    [pg('23505'), false, false, false],
    [new Error('x'), false, false, false],
    [undefined, false, false, false],
  ])('%s', (error, unreachable, notFound, away) => {
    expect([isUnreachable(error), isNotFound(error), isRecordAway(error)]).toEqual([
      unreachable,
      notFound,
      away,
    ]);
  });
});
