import { z } from 'zod';
import { ruled } from './ruled.js';
import { id, name, text } from './values.js';

/*
 * A test of a runbook: what is given, what people answer, and what is expected of it.
 */

/** How a step can fail. */
export const outcomeFailures = [
  ...['StepTimeout', 'OutcomeUnknown', 'VerifyFailed', 'AnswerUnusable', 'CheckFailed'],
  ...['CommandFailed', 'CommandMissing', 'CommandNotStarted', 'Configuration', 'WorkerLost'],
  ...['HttpRejected', 'HttpDenied', 'HttpUnavailable', 'TlsRefused', 'Unreachable', 'NoAnswer'],
  ...['SqlDenied', 'SqlRejected', 'SqlTransient', 'Inconclusive', 'Disturbed'],
] as const;
export type OutcomeFailure = (typeof outcomeFailures)[number];

/** How a run can be left: at its end, or where it waits for people. */
export const expectedStates = [
  ...['succeeded', 'succeeded-with-exceptions', 'failed', 'rolled-back', 'rejected'],
  ...['waiting', 'needs-operator'],
] as const;
export type ExpectedState = (typeof expectedStates)[number];

const path = z.string().min(1).max(1_000);
const paths = z.array(path);
const row = z.record(z.string(), z.json());

const failure = z.enum(outcomeFailures);

/** What a step comes to, in the words of `out`. */
const outcome = z
  .strictObject({
    stdout: z.string().optional().meta({ description: 'What the program prints' }),
    stderr: z.string().optional(),
    exitCode: z.int().min(0).max(255).optional().meta({ description: 'Default 0' }),
    json: z.json().optional().meta({ description: 'The answer as JSON' }),
    text: z.string().optional().meta({ description: 'The body of an HTTP answer, as text' }),
    status: z.int().min(100).max(599).optional().meta({ description: 'HTTP status' }),
    rows: z
      .union([z.array(row), z.record(id, z.array(row))])
      .optional()
      .meta({ description: 'Rows of the statement, or of each that has a name' }),
    outputs: z
      .record(id, z.json())
      .optional()
      .meta({ description: 'The outputs of the step, in the place of what it answers' }),
    failed: z
      .union([failure, z.strictObject({ type: failure, message: text.optional() })])
      .optional()
      .meta({ description: 'The attempt fails so' }),
    get proof(): z.ZodOptional<z.ZodType<Outcomes>> {
      return outcomes.optional();
    },
    get verify(): z.ZodOptional<z.ZodType<Outcomes>> {
      return outcomes.optional();
    },
    get undo(): z.ZodOptional<z.ZodType<Outcomes>> {
      return outcomes.optional();
    },
  })
  .meta({ id: 'outcome', description: 'What the step comes to' });

/** Attempts, or polls, in turn; the last one stays. */
const outcomes = z.union([outcome, z.array(outcome).min(1)]);

export interface Outcome {
  stdout?: string | undefined;
  stderr?: string | undefined;
  exitCode?: number | undefined;
  json?: z.core.util.JSONType | undefined;
  text?: string | undefined;
  status?: number | undefined;
  rows?: Row[] | Record<string, Row[]> | undefined;
  outputs?: Row | undefined;
  failed?: OutcomeFailure | { type: OutcomeFailure; message?: string | undefined } | undefined;
  /** Of the look whether it is done already; else it is not. */
  proof?: Outcomes | undefined;
  verify?: Outcomes | undefined;
  undo?: Outcomes | undefined;
}
export type Outcomes = Outcome | Outcome[];
type Row = Record<string, z.core.util.JSONType>;

const answer = z.union([
  name,
  z
    .strictObject({
      approve: text.optional(),
      reject: text.optional(),
      retry: row.optional(),
      skip: text.optional(),
      done: row.optional(),
      rollback: text.optional(),
      abort: text.optional(),
    })
    .refine((given) => Object.keys(given).length === 1, {
      error: ruled('answer-form', 'is one answer: a verb, or one verb with what goes with it'),
    }),
]);

/** A target of a test; those that inputs name are there anyway. */
const givenTarget = z.strictObject({
  kind: name.optional().meta({ description: 'Default: the one that the input wants' }),
  environment: text.optional(),
  isolated: z.boolean().optional(),
  facts: row.optional(),
});
export type GivenTarget = z.infer<typeof givenTarget>;

const shared = {
  given: z
    .strictObject({
      inputs: row.optional(),
      targets: z
        .record(name, givenTarget)
        .optional()
        .meta({ description: 'What is declared of targets, by name' }),
      steps: z.record(path, outcomes).optional().meta({ description: 'Outcomes, by path' }),
    })
    .optional()
    .meta({ description: 'The inputs, and what the steps come to' }),
  answer: z
    .record(path, z.union([answer, z.array(answer).min(1)]))
    .optional()
    .meta({ description: 'What people answer, by path; gates are approved unless it says so' }),
};

const expected = z.strictObject({
  path: paths.optional().meta({ description: 'The steps that are done, in their order' }),
  gates: paths.optional().meta({ description: 'The gates that people were asked at' }),
  undos: paths.optional().meta({ description: 'The steps that are undone, in that order' }),
  state: z.enum(expectedStates).optional().meta({ description: 'How the run is left' }),
  outputs: row.optional().meta({ description: 'Outputs of the run' }),
});

/** `<id>.runbook.test.yaml` */
export const test = z
  .strictObject({
    test: name.meta({ description: 'The id of the runbook' }),
    note: text.optional(),
    ...shared,
    expect: expected.optional(),
    cases: z
      .array(
        z.strictObject({
          case: text.meta({ description: 'What it is about' }),
          note: text.optional(),
          ...shared,
          expect: expected.optional(),
        }),
      )
      .min(1)
      .optional()
      .meta({ description: 'Several cases; what stands beside them is given to each' }),
  })
  .meta({ id: 'test' });
