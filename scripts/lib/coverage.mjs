/**
 * Coverage of the engine as it runs: in the workflow bundle, in Temporal's sandbox. The program is
 * instrumented before it is bundled, the driver's tests run that bundle (test/driver/open.ts) and
 * leave their counters in a folder.
 */
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { bundleForDriver, copyProgram } from './program-copy.mjs';

const require = createRequire(import.meta.url);
const { createInstrumenter } = require('istanbul-lib-instrument');
const { createCoverageMap } = require('istanbul-lib-coverage');

const measured = 'workflows/engine';

/** What keeps a place from being counted; it has to say why. */
const ignored = /istanbul ignore (?:next|if|else|file)\b(.*?)\s*(?:\*\/|$)/;

/**
 * Instruments and bundles the built program.
 * @param {string} root folder of the clone
 * @returns {Promise<{ env: Record<string, string>, report: () => Report, remove: () => void }>}
 *   `env`: for the tests
 */
export async function measureEngine(root) {
  const files = readdirSync(join(root, measured)).map((name) => `${measured}/${name}`);
  const instrumenter = createInstrumenter({
    esModules: true,
    preserveComments: true,
    compact: false,
    parserPlugins: ['typescript'],
    coverageGlobalScope: 'globalThis',
    coverageGlobalScopeFunc: false,
  });
  const map = createCoverageMap({});
  const copy = copyProgram(root, files, (source, file) => {
    const changed = instrumenter.instrumentSync(source, file);
    // So that a file that no test loads is there too.
    map.addFileCoverage(instrumenter.lastFileCoverage());
    return changed;
  });
  try {
    await bundleForDriver(copy.folder);
  } catch (error) {
    copy.remove();
    throw error;
  }
  const counters = join(copy.folder, 'coverage');
  mkdirSync(counters);
  return {
    env: { RUNBOOK_MEASURED: copy.folder, RUNBOOK_COVERAGE: counters },
    remove: copy.remove,
    report() {
      for (const name of readdirSync(counters))
        map.merge(JSON.parse(readFileSync(join(counters, name), 'utf8')));
      return reportOf(map, files, (file) => readFileSync(join(root, file), 'utf8'));
    },
  };
}

/**
 * @typedef {object} Report
 * @property {string[]} lines the table, one row for each file, and every place that did not run
 * @property {string} summary
 * @property {boolean} complete every line and every branch ran, and what is not counted says why
 */

/** @returns {Report} */
function reportOf(map, files, read) {
  const total = { lines: [0, 0], branches: [0, 0] };
  const rows = [];
  const open = [];
  const exceptions = [];
  for (const file of files) {
    const coverage = map.fileCoverageFor(file);
    const { lines, branches } = coverage.toSummary();
    for (const [name, { covered, total: all }] of Object.entries({ lines, branches })) {
      total[name][0] += covered;
      total[name][1] += all;
    }
    rows.push(`${file.padEnd(40)}${share(lines)}${share(branches)}`);
    const places = coverage
      .getUncoveredLines()
      .map((line) => ({ line: Number(line), what: 'is never reached' }));
    for (const [id, { type, locations, loc }] of Object.entries(coverage.branchMap)) {
      coverage.b[id].forEach((count, way) => {
        // What was left out, such as an `else`, has no place of its own.
        const line = locations[way].start.line ?? loc.start.line;
        if (count === 0)
          places.push({
            line,
            what: `${type}: way ${way + 1} of ${locations.length} is never taken`,
          });
      });
    }
    places.sort((one, other) => one.line - other.line);
    open.push(...places.map(({ line, what }) => `${file}:${line} ${what}`));
    read(file)
      .split('\n')
      .forEach((text, index) => {
        const [, why] = ignored.exec(text) ?? [];
        if (why !== undefined)
          exceptions.push({ place: `${file}:${index + 1}`, why: why.replace(/^[:\s-]+/, '') });
      });
  }
  const complete = open.length === 0 && exceptions.every(({ why }) => why !== '');
  const said = Object.entries(total).map(
    ([name, [covered, all]]) => `${covered} of ${all} ${name}`,
  );
  return {
    complete,
    summary: `${measured}: ${said.join(', ')}; not counted: ${exceptions.length}`,
    lines: [
      `${''.padEnd(40)}${'lines'.padStart(18)}${'branches'.padStart(18)}`,
      ...rows,
      ...open,
      ...exceptions.map(
        ({ place, why }) => `${place} is not counted: ${why || 'without a reason'}`,
      ),
    ],
  };
}

function share({ covered, total, pct }) {
  return `${covered}/${total} ${(total === 0 ? 100 : pct).toFixed(1).padStart(6)}%`.padStart(18);
}
