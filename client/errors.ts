import { startHere } from './start-here.js';
import { isConnectionCode } from '../common/network.js';
import { exitCodes } from './exit-codes.js';

/** An error for people: what happened, what to do next, and what the process exits with. */
export class CliError extends Error {
  /**
   * @param message what happened, in one paragraph
   * @param next the next thing to do; empty when there is none
   */
  constructor(
    message: string,
    readonly next: string = '',
    readonly exitCode: number = exitCodes.failed,
  ) {
    super(message);
    this.name = 'CliError';
  }
}

/** The facts that the explanation of an error names. */
export interface ErrorContext {
  /** How the command line is called, for the commands in the advice. */
  command: string;
  /** Address of the Temporal server that was asked. */
  address?: string | undefined;
  namespace?: string | undefined;
  /** Address of the record's database; only its host is ever shown. */
  databaseUrl?: string | null | undefined;
  /** Whoever reads it has asked `doctor` already. */
  inDoctor?: boolean;
}

interface Thrown {
  name?: string;
  message?: string;
  code?: string | number;
  details?: string;
  cause?: unknown;
  path?: string;
}

/** gRPC status codes that mean something to an operator. */
const grpc = {
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  permissionDenied: 7,
  unavailable: 14,
  unauthenticated: 16,
};

/** True when no Temporal server answered: trying again later may help. */
export function isUnreachable(error: unknown): boolean {
  return grpcCode(error) === grpc.unavailable || isUnanswered(error);
}

/** True when a request was sent and not answered in time: nobody knows whether it arrived. */
export function isUnanswered(error: unknown): boolean {
  return grpcCode(error) === grpc.deadlineExceeded;
}

/** Where to look when the error alone does not tell what is wrong. */
function whereToLook({ command, inDoctor }: ErrorContext): string {
  if (inDoctor) return 'Look at it where it runs: its process, its log, its disk.';
  return `See what is wrong with: ${command} doctor`;
}

/** True when Temporal has no such run (any more). */
export function isNotFound(error: unknown): boolean {
  return (
    (error as Thrown | undefined)?.name === 'WorkflowNotFoundError' ||
    grpcCode(error) === grpc.notFound
  );
}

/**
 * True when PostgreSQL cannot be reached or refuses us: the record is unavailable, but the rest may
 * work.
 */
export function isRecordAway(error: unknown): boolean {
  const { code, message = '' } = rootOf(error);
  return (
    isAway(code) ||
    isConnectionText(message) ||
    (typeof code === 'string' && /^(57P0|57014|53|08|28|3D000|42P01|3F000|42501)/.test(code))
  );
}

/**
 * Turns any error into one that a person can act on. Never shows a stack trace, nor a library's
 * text that may contain secrets.
 */
export function explain(error: unknown, context: ErrorContext): CliError {
  if (error instanceof CliError) return error;
  return (
    explainTemporal(error, context) ?? explainRecord(error, context) ?? explainOther(error, context)
  );
}

/** Neither of the two servers answers: `dev` has ended, or the addresses are wrong. */
export function nothingAnswers(address: string, command: string): CliError {
  return new CliError(
    `No Temporal server answers at ${address}, and the record in PostgreSQL cannot be read either.`,
    `Start everything here with: ${startHere(command)}. ` +
      `Or see what is wrong with: ${command} doctor`,
  );
}

function explainTemporal(error: unknown, context: ErrorContext): CliError | undefined {
  const { command, address = '', namespace = '' } = context;
  const noSuchRun = new CliError(
    'There is no such run.',
    `See the runs with: ${command} runs`,
    exitCodes.usage,
  );
  const doctor = whereToLook(context);
  if ((error as Thrown | undefined)?.name === 'WorkflowNotFoundError') return noSuchRun;
  if ((error as Thrown | undefined)?.name === 'NamespaceNotFoundError') {
    return new CliError(
      `The Temporal server at ${address} has no namespace ${namespace}.`,
      'Choose another with --namespace, or register it with: temporal operator namespace create',
      exitCodes.usage,
    );
  }
  const code = grpcCode(error);
  if (code === undefined) return undefined;
  const details = oneLine(grpcDetails(error)).slice(0, 300);
  switch (code) {
    case grpc.unavailable:
      return new CliError(
        `No Temporal server answers at ${address}.`,
        `Start everything here with: ${startHere(command)}. Or say where the server is: ` +
          '--address HOST:PORT, TEMPORAL_ADDRESS, or a profile in temporal.toml.',
      );
    case grpc.deadlineExceeded:
      return new CliError(
        `The Temporal server at ${address} did not answer in time.`,
        doctor,
        exitCodes.timedOut,
      );
    case grpc.notFound:
      return noSuchRun;
    case grpc.permissionDenied:
    case grpc.unauthenticated:
      return new CliError(
        `The Temporal server at ${address} refuses us: ${details || 'access denied'}.`,
        'Check the API key or certificate of your profile in temporal.toml ' +
          '(TEMPORAL_API_KEY, TEMPORAL_TLS_CLIENT_CERT_PATH).',
        exitCodes.denied,
      );
    case grpc.invalidArgument:
      if (/search attribute/i.test(details))
        return new CliError(
          `Namespace ${namespace} does not know our search attributes yet.`,
          `Register them with: ${command} setup`,
        );
      return new CliError(`The Temporal server refused the request: ${details}.`, doctor);
    default:
      return new CliError(
        `The Temporal server at ${address} answered with an error: ` +
          `${details || `gRPC status ${code}`}.`,
        doctor,
      );
  }
}

function explainRecord(error: unknown, context: ErrorContext): CliError | undefined {
  const { command, databaseUrl } = context;
  const { code, message = '' } = rootOf(error);
  const where = databaseUrl ? ` at ${hostOf(databaseUrl)}` : '';
  const check = 'Check RUNBOOK_DATABASE_URL';
  if (isAway(code) || isConnectionText(message)) {
    return new CliError(
      `PostgreSQL, which keeps the record, does not answer${where}.`,
      `${check}, or start everything here with: ${startHere(command)}`,
    );
  }
  if (typeof code !== 'string' || !/^[0-9A-Z]{5}$/.test(code)) return undefined;
  switch (code) {
    case '28P01':
    case '28000':
      return new CliError(
        `PostgreSQL${where} refuses the user or password.`,
        `${check}.`,
        exitCodes.denied,
      );
    case '3D000':
      return new CliError(
        `PostgreSQL${where} has no such database.`,
        `${check}, or create the database.`,
      );
    case '42P01':
    case '3F000':
      return new CliError(
        `The database${where} has no record yet.`,
        `Create it with: ${command} setup`,
      );
    case '42501':
      return new CliError(
        `The database user${where} may not read or change the record.`,
        'Give it the right, or name another user in RUNBOOK_DATABASE_URL.',
        exitCodes.denied,
      );
    default:
      return new CliError(
        `PostgreSQL${where} answered with an error (${code}).`,
        whereToLook(context),
      );
  }
}

/**
 * Errors of our own folders, written for people; known by name, because their modules are not
 * loaded here.
 */
const writtenForPeople = new Set([
  'EmbeddedError',
  'FileError',
  'ConfigError',
  'MigrationMismatch',
  'NotInRecord',
]);

function explainOther(error: unknown, context: ErrorContext): CliError {
  const { message = '', code, path } = (error ?? {}) as Thrown;
  if (writtenForPeople.has((error as object | undefined)?.constructor.name ?? ''))
    return new CliError(message.trim());
  if (code === 'ENOENT' && path)
    return new CliError(`There is no file ${path}.`, 'Check the path.', exitCodes.usage);
  if ((code === 'EACCES' || code === 'EPERM' || code === 'EISDIR' || code === 'ENOTDIR') && path) {
    return new CliError(
      `${path} cannot be used (${code}).`,
      'Check its permissions, or name another file.',
      exitCodes.usage,
    );
  }
  const what =
    oneLine(message).slice(0, 300) ||
    (typeof code === 'string' || typeof code === 'number' ? String(code) : 'no more is known');
  return new CliError(`Something unexpected happened: ${what}.`, whereToLook(context));
}

/** Host and database of an address, without the user and the password. */
export function hostOf(url: string): string {
  if (!URL.canParse(url)) return 'the given address';
  const { host, pathname } = new URL(url);
  return `${host}${pathname}`;
}

function isAway(code: unknown): boolean {
  return isConnectionCode(code) || (typeof code === 'string' && code.startsWith('57P0'));
}

function isConnectionText(message: string): boolean {
  return /connection terminated|timeout exceeded when trying to connect|query read timeout/i.test(
    message,
  );
}

/** The gRPC status of an error of Temporal's client, which wraps it. */
function grpcCode(error: unknown): number | undefined {
  return grpcError(error)?.code as number | undefined;
}

function grpcDetails(error: unknown): string {
  return grpcError(error)?.details ?? '';
}

function grpcError(error: unknown): Thrown | undefined {
  for (
    let current = error as Thrown | undefined;
    current;
    current = current.cause as Thrown | undefined
  ) {
    if (typeof current.code === 'number' && typeof current.details === 'string') return current;
  }
  return undefined;
}

/** The innermost error. A connection to several addresses fails with one error for each. */
function rootOf(error: unknown): Thrown {
  const first = (error as { errors?: unknown[] } | undefined)?.errors?.[0];
  return first ?? error ?? {};
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim().replace(/\.$/, '');
}
