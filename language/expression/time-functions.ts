import { type ExpressionFunction, overload } from './overload.js';
import { dateOf, microsADay, microsASecond, readTimestamp } from './times.js';
import { Timestamp, type Value, Wrong } from './values.js';

/** Functions of times. There is no clock: `now` is a name of the scope. All parts are in UTC. */
export const timeFunctions = {
  /** Whole days from now until a time, negative when it is over. */
  daysUntil: {
    form: 'function',
    overloads: [
      overload(['timestamp'], 'integer', ([time], { now }) => daysUntil(time, now)),
      overload(['text'], 'integer', ([text], { now }) => {
        const time = readTimestamp(text);
        return time instanceof Wrong ? time : daysUntil(time, now);
      }),
    ],
  },
  getFullYear: part((date) => date.getUTCFullYear()),
  getMonth: part((date) => date.getUTCMonth()),
  getDate: part((date) => date.getUTCDate()),
  getDayOfMonth: part((date) => date.getUTCDate() - 1),
  getDayOfWeek: part((date) => date.getUTCDay()),
  getDayOfYear: part((date) => {
    const newYear = new Date(date);
    newYear.setUTCMonth(0, 1);
    return (date.getTime() - newYear.getTime()) / 86_400_000;
  }),
  getHours: part((date) => date.getUTCHours(), 3_600n),
  getMinutes: part((date) => date.getUTCMinutes(), 60n),
  getSeconds: part((date) => date.getUTCSeconds(), 1n),
} as const satisfies Record<string, ExpressionFunction>;

/**
 * A part of a timestamp.
 * @param seconds of a duration the function gives the whole in this unit
 */
function part(of: (date: Date) => number, seconds?: bigint): ExpressionFunction {
  const parts = overload(['timestamp'], 'integer', ([time]) => BigInt(of(dateOf(time))));
  if (seconds === undefined) return { form: 'method', overloads: [parts] };
  const whole = overload(
    ['duration'],
    'integer',
    ([{ micros }]) => micros / (seconds * microsASecond),
  );
  return { form: 'method', overloads: [parts, whole] };
}

function daysUntil(time: Timestamp, now: Value | undefined): Value | Wrong {
  const from = typeof now === 'string' ? readTimestamp(now) : now;
  if (!(from instanceof Timestamp)) return new Wrong('there is no now');
  const micros = time.micros - from.micros;
  const days = micros / microsADay;
  return micros < 0n && micros % microsADay !== 0n ? days - 1n : days;
}
