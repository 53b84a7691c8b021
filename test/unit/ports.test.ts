import { expect, test } from '@jest/globals';
import { freePort } from '../../embedded/ports.js';

test('a port is handed out once, and is none that a connection of a client could be given', async () => {
  const ports: number[] = [];
  // Chosen blindly, about 25 of so many would be the same as another one.
  for (let count = 0; count < 1_000; count += 1) ports.push(await freePort());
  expect(new Set(ports).size).toBe(ports.length);
  expect(Math.max(...ports)).toBeLessThan(32_768);
});
