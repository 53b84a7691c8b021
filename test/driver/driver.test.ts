import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Driver, outline } from './driver.js';
import { bundleProcedures, start } from './world.js';

const nothing = JSON.stringify(['/usr/bin/true']);

describe('the test procedures without a server', () => {
  let driver: Driver;
  beforeAll(async () => {
    driver = await Driver.create({ code: await bundleProcedures() });
  }, 60_000);
  afterAll(() => driver?.close());

  test('a run that succeeds', async () => {
    const run = start(driver, 'test-commands', { first: nothing, second: nothing }, () => ({ exitCode: 0 }));
    const result = await run.result();
    expect(result).toEqual({ state: 'succeeded', outputs: { second: { exitCode: 0 } } });
    expect(outline(run.trace)).toEqual(["admit"]);
  });
});
