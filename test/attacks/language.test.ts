import { expect, test } from '@jest/globals';
import { stretched } from '../../embedded/pace.js';
import { lint } from '../../language/document/lint.js';
import { annotation, problemText } from '../../language/document/show-problems.js';
import { examples, library } from '../unit/language/document/library.js';
import { randomFrom } from '../../testing/driver/random.js';
import { mutated } from './mutate.js';

/** As many as the suite has time for; `npm run fuzz:language` tries a hundred thousand. */
const times = Number(process.env['RUNBOOK_MUTATIONS'] ?? 2_000);
const seed = Number(process.env['RUNBOOK_SEED'] ?? 16);

/** Milliseconds that the reading of one file may take on a quiet machine. */
const patienceMs = 2_000;

test(
  `${times} mutated runbooks are read or refused, without a crash or a hang`,
  () => {
    const random = randomFrom(seed);
    const files = [...examples];
    const known = library();
    let wrong = 0;
    for (let time = 0; time < times; time += 1) {
      const [file = '', text = ''] = files[Math.floor(random() * files.length)] ?? [];
      const given = mutated(text, random);
      const started = performance.now();
      try {
        const problems = lint(given, file, known);
        for (const each of problems) {
          expect(each.line).toBeGreaterThan(0);
          expect(each.col).toBeGreaterThan(0);
          problemText(each);
          annotation(each);
        }
        if (problems.length > 0) wrong += 1;
      } catch (error) {
        throw new Error(`mutation ${time} of seed ${seed}, of ${file}:\n${given}`, {
          cause: error,
        });
      }
      const took = performance.now() - started;
      if (took > stretched(patienceMs))
        throw new Error(`mutation ${time} of seed ${seed}, of ${file}, took ${took} ms:\n${given}`);
    }
    // Most mutations break something; where none did, nothing was tried.
    expect(wrong).toBeGreaterThan(times / 4);
  },
  stretched(times * 60),
);
