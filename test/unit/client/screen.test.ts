import { PassThrough } from 'node:stream';
import { expect, test } from '@jest/globals';
import { fit, type Frame } from '../../../client/fit.js';
import { Screen } from '../../../client/screen.js';
import { recordedIo } from './fake-io.js';

const many = (name: string, count: number): string =>
  Array.from({ length: count }, (_unused, at) => `${name} ${at + 1}`).join('\n');
const frame: Frame = {
  head: 'title\nrun id',
  body: many('step', 30),
  foot: [`Waits for ada\n${many('fact', 30)}\napprove: command`],
};
const oneRow = (): number => 1;
const leftOut = (lines: number): string => `… ${lines} left out`;

test.each([8, 12, 24, 40, 64])('in %i rows title, run, question and answer stay', (rows) => {
  const lines = fit(frame, rows, oneRow, leftOut);
  expect(lines).toHaveLength(rows);
  expect(lines).toEqual(expect.arrayContaining(['title', 'run id', 'Waits for ada']));
  expect(lines.at(-1)).toBe('approve: command');
  const told = lines.find((line) => line.startsWith('…'));
  // All that is not there is counted.
  const whole = fit(frame, Infinity, oneRow, leftOut);
  expect(told).toBe(leftOut(whole.length - (rows - 1)));
});

test('what fits is whole', () => {
  const whole = fit(frame, 100, oneRow, leftOut);
  expect(whole.join('\n')).toBe([frame.head, frame.body, ...frame.foot].join('\n\n'));
});

test('a line of several rows counts as such, and no frame is too high', () => {
  for (let rows = 1; rows < 30; rows += 1)
    expect(fit(frame, rows, () => 2, leftOut).length * 2).toBeLessThanOrEqual(Math.max(2, rows));
});

test('a frame as high as the terminal never clears it from its first row', () => {
  const stdout = Object.assign(new PassThrough(), { rows: 10, columns: 40 });
  const io = recordedIo({ stdout, isTTY: true, columns: 40 });
  let written = '';
  stdout.on('data', (chunk: Buffer) => (written += chunk.toString('utf8')));
  const screen = new Screen(io);
  for (const state of ['running', 'waiting'])
    screen.draw({ ...frame, head: `${state}\n${'x'.repeat(40)}` }, leftOut);
  const again = written.slice(written.indexOf('\u001b[9F'));
  // Up to the first row, each line clears its rest, the end what is below the frame.
  expect(again).toMatch(/^\u001b\[9Fwaiting\u001b\[K\n/);
  expect(again).not.toMatch(/F\u001b\[J/);
  expect(again.endsWith('\n\u001b[J')).toBe(true);
  // A full row has no rest.
  expect(again).toContain(`${'x'.repeat(40)}\n`);
});
