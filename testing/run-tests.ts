import { performance } from 'node:perf_hooks';
import type { Library } from '../language/document/library.js';
import type { Problem } from '../language/document/problem.js';
import { readBundle } from '../worker/bundle.js';
import { problemsOf, refusedCase } from './check-case.js';
import { waysOf, type Way } from './coverage.js';
import { Driver } from './driver/driver.js';
import { Faults, type Generated } from './faults.js';
import { runCase, type CaseRun } from './run-case.js';
import { readTest, type RunbookTest } from './test-file.js';

/** A case, and what came of it. */
interface CaseReport {
  name: string;
  line: number;
  ok: boolean;
  /** Milliseconds that it took. */
  ms: number;
  state: string;
  path: string[];
  gates: string[];
  undos: string[];
  problems: Problem[];
}

/** A test file, and what came of it. */
export interface FileReport {
  file: string;
  /** Absent: the file, or its runbook, cannot be read. */
  runbook?: string;
  ok: boolean;
  problems: Problem[];
  cases: CaseReport[];
  ways: Way[];
  /** Absent: none was asked for, or a case failed. */
  generated?: Omit<Generated, 'stays'> & { stays: Record<string, string>; ms: number };
}

/** Runs test files on the engine, without a server. */
export class Tests {
  private constructor(private readonly driver: Driver) {}

  /** @param code of the workflows: the bundle of this build */
  static async open(code = readBundle().code): Promise<Tests> {
    return new Tests(await Driver.create({ code }));
  }

  close(): Promise<void> {
    return this.driver.close();
  }

  /** @param faults also generates runs in which things go wrong */
  async run(text: string, file: string, library: Library, faults: boolean): Promise<FileReport> {
    const read = readTest(text, file, library);
    if ('problems' in read)
      return { file, ok: false, problems: read.problems, cases: [], ways: [] };
    const { test } = read;
    const runs: CaseRun[] = [];
    const cases: CaseReport[] = [];
    for (const each of test.cases) {
      const began = performance.now();
      const refused = refusedCase(test, each);
      const run = refused.length === 0 ? await runCase(this.driver, test, each) : undefined;
      const problems = run ? problemsOf(test, each, run) : refused;
      if (run) runs.push(run);
      cases.push({
        name: each.name,
        line: each.place.source.position(each.place.start).line,
        ok: problems.length === 0,
        ms: Math.round((performance.now() - began) * 10) / 10,
        state: run?.view.state ?? 'refused',
        path: run?.path.flatMap(({ what, path }) => (what === 'step' ? [path] : [])) ?? [],
        ...{ gates: run?.gates ?? [], undos: run?.undos ?? [], problems },
      });
    }
    const ok = cases.every((each) => each.ok);
    const generated = ok && faults ? await this.generate(test, runs) : undefined;
    return {
      ...{ file, runbook: test.runbook.id, problems: [], cases },
      ok: ok && (generated?.findings.length ?? 0) === 0,
      ways: waysOf(test.steps, runs),
      ...(generated ? { generated } : {}),
    };
  }

  private async generate(
    test: RunbookTest,
    runs: readonly CaseRun[],
  ): Promise<NonNullable<FileReport['generated']>> {
    const began = performance.now();
    const faults = new Faults(this.driver, test);
    for (const [at, each] of test.cases.entries()) await faults.along(each, runs[at] as CaseRun);
    const { stays, ...generated } = faults.generated;
    return {
      ...generated,
      stays: Object.fromEntries(stays),
      ms: Math.round(performance.now() - began),
    };
  }
}
