import { randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { StepFile } from './attempt-files.js';
import type { ProcessId, Tree } from './process-tree.js';

/** The running command, as written right after it was started. */
export interface JournaledProcess extends Tree {
  /** The process that watches it, enforces its time limit and writes its outcome. */
  supervisor: ProcessId;
}

/** How the command ended, written whether or not a worker lives. */
export interface Outcome {
  exitCode: number | null;
  signal: string | null;
  /** The system's error code when the program could not be started. */
  notStarted: string | null;
  /** True when the supervisor ended it because its time was over. */
  timedOut: boolean;
  /** No room was left for output at its end: some of it may be lost. */
  full?: true;
}

export type JournalStream = 'stdout' | 'stderr';

/** Disk space reserved for each of the two files about the command, in bytes. */
const reservedBytes = 384;
/** Room that is left wherever nothing of a program's output was lost, in bytes. */
const roomBytes = 32 * 1024;
const reservedName = (name: string): string => `${name}.reserved`;

/**
 * A command's journal: its output and its outcome, on the disk of the host where it runs, written
 * as they happen. Readable by the worker's account alone.
 */
export class Journal {
  constructor(readonly folder: string) {}

  get exists(): boolean {
    return existsSync(this.folder);
  }

  /** Makes the folder: from now on a later worker can tell that the command may be started. */
  create(): void {
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
  }

  /**
   * Reserves room for what is written about the command: on a full disk nothing is started, and a
   * disk that fills up while the command runs still has room for the outcome.
   */
  reserve(): void {
    for (const name of ['process.json', 'outcome.json'])
      writeFileSync(this.file(reservedName(name)), ' '.repeat(reservedBytes), { mode: 0o600 });
  }

  /** Whether the disk has no more room for output. */
  get isFull(): boolean {
    const file = this.file('room');
    try {
      writeFileSync(file, ' '.repeat(roomBytes), { mode: 0o600 });
      return false;
    } catch {
      return true;
    } finally {
      rmSync(file, { force: true });
    }
  }

  /**
   * Lays files into a folder of their own, for the worker's account alone.
   * @returns the folder
   */
  placeFiles(files: readonly StepFile[]): string {
    const folder = this.file('files');
    mkdirSync(folder, { mode: 0o700 });
    for (const { name, content, executable } of files)
      writeFileSync(join(folder, name), content, { mode: executable ? 0o700 : 0o600, flag: 'wx' });
    return folder;
  }

  /** What cannot be removed goes with the journal. */
  removeFiles(): void {
    try {
      rmSync(this.file('files'), { recursive: true, force: true });
    } catch {
      // The command has ended, and its outcome is what counts.
    }
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  /**
   * The first to take the ticket decides: the supervisor takes `start` before it starts the
   * command, a worker that finds the journal later takes `void`. So a command was either started,
   * or never will be.
   */
  takeTicket(use: 'start' | 'void'): boolean {
    try {
      // A symbolic link appears with its content, or not at all; nothing has to be where it points.
      symlinkSync(use, this.file('ticket'));
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
      throw error;
    }
  }

  /** Frees the disk space that was taken before something failed. */
  discard(): void {
    try {
      this.remove();
    } catch {
      // The sweep removes it later; the error that came first is the one to report.
    }
  }

  /**
   * Ensures that the command never starts.
   * @returns false when it was started, or may have been
   */
  makeVoid(): boolean {
    try {
      return this.takeTicket('void') || this.isVoid;
    } catch {
      return false;
    }
  }

  /** True when the command can never start. */
  get isVoid(): boolean {
    try {
      return readlinkSync(this.file('ticket')) === 'void';
    } catch {
      return false;
    }
  }

  /**
   * Opens a stream's file for the command itself, so that its output needs no process in between.
   */
  openFor(stream: JournalStream): number {
    return openSync(this.file(stream), 'a', 0o600);
  }

  writeProcess(started: JournaledProcess): void {
    this.write('process.json', started);
  }

  process(): JournaledProcess | undefined {
    return this.read<JournaledProcess>('process.json');
  }

  writeOutcome(outcome: Outcome): void {
    this.write('outcome.json', outcome);
  }

  outcome(): Outcome | undefined {
    return this.read<Outcome>('outcome.json');
  }

  /**
   * Reads a stream from `offset` on, piece by piece, as far as it is written.
   * @returns the new offset
   */
  async readFrom(
    stream: JournalStream,
    offset: number,
    take: (chunk: Buffer) => void,
  ): Promise<number> {
    const { size } = statSync(this.file(stream), { throwIfNoEntry: false }) ?? { size: 0 };
    if (size <= offset) return offset;
    const file = await open(this.file(stream), 'r');
    try {
      const buffer = Buffer.allocUnsafe(256 * 1024);
      for (;;) {
        const { bytesRead } = await file.read(buffer, 0, buffer.length, offset);
        if (bytesRead === 0) return offset;
        take(Buffer.from(buffer.subarray(0, bytesRead)));
        offset += bytesRead;
      }
    } finally {
      await file.close();
    }
  }

  /** Written to the reserved file, then renamed into place: a reader sees all of it or nothing. */
  private write(name: string, value: object): void {
    const reserved = this.file(reservedName(name));
    const text = JSON.stringify(value).padEnd(reservedBytes);
    if (text.length <= reservedBytes && existsSync(reserved)) {
      const open = openSync(reserved, 'r+');
      try {
        writeSync(open, text, 0);
      } finally {
        closeSync(open);
      }
      renameSync(reserved, this.file(name));
    } else {
      this.make(name, text);
    }
  }

  private make(name: string, text: string): void {
    const half = this.file(`${name}.${randomBytes(4).toString('hex')}`);
    writeFileSync(half, text, { mode: 0o600 });
    renameSync(half, this.file(name));
  }

  private read<T>(name: string): T | undefined {
    try {
      return JSON.parse(readFileSync(this.file(name), 'utf8')) as T;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  private file(name: string): string {
    return join(this.folder, name);
  }
}
