import type { PlannedFile } from '../language/plan.js';
import { placedName } from '../language/step-files.js';
import { notAsPlanned } from './not-as-planned.js';
import { digestOfBytes } from './planned-files.js';

/** A file as a step finds it in its folder. */
export interface StepFile {
  /** Without the folders that lead to it in the library. */
  name: string;
  content: Buffer;
  executable: boolean;
}

/** Reads bytes from the record, by their digests. */
export type ReadContents = (digests: readonly string[]) => Promise<ReadonlyMap<string, Buffer>>;

/** The files of one attempt, as they were when the run was admitted. */
export class AttemptFiles {
  private readonly contents = new Map<string, Buffer>();

  /** @param planned those of the plan that lie beside the runbook of the step */
  constructor(
    private readonly planned: readonly PlannedFile[],
    private readonly read: ReadContents,
  ) {}

  /** @throws StepFailure NotAsPlanned when plan or record does not have one of them */
  async of(names: readonly string[]): Promise<StepFile[]> {
    const files = names.map((name) => {
      const file = this.planned.find((each) => each.name === name);
      if (!file) throw notAsPlanned(`the plan has no file ${name}`);
      return file;
    });
    const wanted = files.map(({ digest }) => digest).filter((each) => !this.contents.has(each));
    if (wanted.length > 0)
      for (const [digest, content] of await this.read([...new Set(wanted)]))
        this.contents.set(digest, content);
    return files.map(({ name, digest, executable = false }) => {
      const content = this.contents.get(digest);
      if (!content || digestOfBytes(content) !== digest)
        throw notAsPlanned(`the record does not have the bytes of file ${name}`);
      return { name: placedName(name), content, executable };
    });
  }
}
