import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { inUtc, microsOf, readInstant } from '../../../language/instant.js';
import { resolveInputs } from '../../../language/inputs.js';
import type { InputSpec } from '../../../language/runbook.js';
import { fullSystemDisasterRecoverySpec } from '../../../workflows/full-system-disaster-recovery/spec.js';

const wrong = (text: string): string => {
  const read = readInstant(text);
  return 'wrong' in read ? read.wrong : 'is taken';
};

describe('an instant', () => {
  test.each([
    ['2026-02-28T23:59:59Z', '2026-02-28T23:59:59.000Z'],
    ['2028-02-29T00:00Z', '2028-02-29T00:00:00.000Z'],
    ['2026-01-31T12:00:00+05:30', '2026-01-31T06:30:00.000Z'],
    ['2026-01-01T00:30:00-01:00', '2026-01-01T01:30:00.000Z'],
    ['0099-01-01T00:00:00Z', '0099-01-01T00:00:00.000Z'],
  ])('%s is %s', (text, same) => {
    expect(readInstant(text)).toEqual({ micros: Date.parse(same) * 1_000 });
  });

  test.each([
    ['2026-02-30T12:00:00Z', 'names a day that does not exist, 2026-02-30'],
    ['2026-02-29T12:00:00Z', 'names a day that does not exist, 2026-02-29'],
    ['2026-04-31T12:00:00Z', 'names a day that does not exist, 2026-04-31'],
    ['2026-13-01T12:00:00Z', 'names a day that does not exist, 2026-13-01'],
    ['2026-00-10T12:00:00Z', 'names a day that does not exist, 2026-00-10'],
    ['2026-01-00T12:00:00Z', 'names a day that does not exist, 2026-01-00'],
    ['0000-01-01T12:00:00Z', 'names a day that does not exist, 0000-01-01'],
    ['2026-01-31T24:00:00Z', 'names a time of day that does not exist'],
    ['2026-01-31T12:60:00Z', 'names a time of day that does not exist'],
    ['2026-12-31T23:59:60Z', 'names a time of day that does not exist'],
    ['2026-01-31T12:00:00+25:00', 'names a time zone that does not exist'],
    ['2026-01-31T12:00:00.1234567Z', 'is finer than a microsecond'],
    ['0001-01-01T00:00:00+01:00', 'is outside of the years 1 to 9999 in UTC'],
    ['9999-12-31T23:59:59-01:00', 'is outside of the years 1 to 9999 in UTC'],
    ['2026-01-31T12:00:00', 'is no point in time with a time zone'],
    ['2026-01-31 12:00:00Z', 'is no point in time with a time zone'],
    ['2026-01-31', 'is no point in time with a time zone'],
    ['2026-1-31T12:00:00Z', 'is no point in time with a time zone'],
    [' 2026-01-31T12:00:00Z', 'is no point in time with a time zone'],
    ['2026-01-31T12:00:00Z\n', 'is no point in time with a time zone'],
    ['yesterday', 'is no point in time with a time zone'],
  ])('%j %s', (text, why) => expect(wrong(text)).toBe(why));

  test('in another time zone keeps its digits, and is an instant again', () => {
    const two = (value: number): string => String(value).padStart(2, '0');
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9_998 }),
        fc.integer({ min: 0, max: 999_999 }),
        fc.integer({ min: -15, max: 15 }),
        (year, micros, hours) => {
          const digits = String(micros).padStart(6, '0');
          const zone = `${hours < 0 ? '-' : '+'}${two(Math.abs(hours))}:30`;
          const text = `${String(year).padStart(4, '0')}-06-30T23:59:59.${digits}${zone}`;
          expect(inUtc(text)).toMatch(new RegExp(`^\\d{4}-.{14}\\.${digits}Z$`));
          expect(readInstant(inUtc(text))).toEqual(readInstant(text));
        },
      ),
    );
  });

  test('every date that exists is taken, and no other: as a calendar has it', () => {
    const two = (value: number): string => String(value).padStart(2, '0');
    fc.assert(
      fc.property(
        fc.integer({ min: 1900, max: 2100 }),
        fc.integer({ min: 0, max: 14 }),
        fc.integer({ min: 0, max: 33 }),
        (year, month, day) => {
          const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
          const days = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1] ?? 0;
          const text = `${year}-${two(month)}-${two(day)}T00:00:00Z`;
          expect('micros' in readInstant(text)).toBe(day >= 1 && day <= days);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  test('keeps its microseconds', () => {
    expect(microsOf('2026-01-31T12:00:00.123457Z') - microsOf('2026-01-31T12:00:00.123456Z')).toBe(
      1,
    );
    expect(inUtc('2026-01-31T12:00:00.123456+01:00')).toBe('2026-01-31T11:00:00.123456Z');
    expect(inUtc('1969-12-31T23:00:00.000001-00:59')).toBe('1969-12-31T23:59:00.000001Z');
    expect(inUtc('2026-01-31T12:00Z')).toBe('2026-01-31T12:00Z');
  });
});

describe('recover_to of the shipped runbook', () => {
  const { recover_to, failed_at } = fullSystemDisasterRecoverySpec.inputs as Record<
    string,
    InputSpec
  >;
  const spec = { recover_to: recover_to!, failed_at: failed_at! };
  const said = (given: Record<string, string>) => resolveInputs(spec, given, []);

  test('is a point in time that exists, or latest', () => {
    expect(said({})).toEqual({ ok: true, inputs: { recover_to: 'latest' } });
    const recover_to = '2026-01-31T12:00:00.123456Z';
    expect(said({ recover_to })).toEqual({ ok: true, inputs: { recover_to } });
    expect(said({ recover_to: '2026-01-31T12:00:00+01:00' })).toMatchObject({
      inputs: { recover_to: '2026-01-31T11:00:00.000000Z' },
    });
  });

  test.each(['2026-02-30T12:00:00Z', 'Latest', '2026-01-31T25:00:00Z'])(
    '%s is refused before anything begins',
    (text) => {
      for (const name of ['recover_to', 'failed_at']) {
        const answer = said({ [name]: text });
        expect(answer).toMatchObject({
          ok: false,
          problems: [{ message: expect.stringContaining(`input ${name} must be a point in time`) }],
        });
      }
    },
  );
});
