import { expect, test } from '@jest/globals';
import { lateRequest } from './late-request.js';
import { Namespace, noNamespace } from './namespace.js';
import { isLong, tell } from './tell.js';
import { zombies } from './zombies.js';

const rounds = isLong ? 10 : 1;
const limitMs = isLong ? 900_000 : 120_000;

async function judge(how: string, cable?: Namespace): Promise<void> {
  const { fenced, open, seconds } = await zombies(rounds, cable);
  tell(
    `zombies, ${how}: ${fenced.refused}/${fenced.zombies} refused, ${fenced.through} writes got through, ${fenced.twice} effects twice, ` +
      `${fenced.lost} lost, ${fenced.finished}/${fenced.zombies} finished, ${seconds} s; without the fence: ${open.through} got through`,
  );
  const all = 3 * rounds;
  expect(fenced).toEqual({
    zombies: all,
    refused: all,
    through: 0,
    twice: 0,
    lost: 0,
    finished: all,
  });
  expect(open.through).toBeGreaterThan(0);
}

test(
  'a worker stands still until another one has taken its steps over: its writes are refused, the steps go on',
  () => judge('stopped'),
  limitMs,
);

// Of the short form one is enough.
if (isLong) {
  test('a worker that stood still between its claim and its request sends nothing any more', async () => {
    const [fenced, open] = [await lateRequest(true), await lateRequest(false)];
    tell(`late request: arrived ${fenced} times; without the fence: ${open} times`);
    expect(fenced).toBe(1);
    expect(open).toBe(2);
  }, 120_000);

  const why = noNamespace();
  if (why) process.stdout.write(`no network namespace: ${why}\n`);
  (why ? test.skip : test)(
    'a worker whose network is cut acts on while another one takes its steps over: its writes are refused, the steps go on',
    async () => {
      const cable = Namespace.make();
      try {
        await judge('cut off', cable);
      } finally {
        cable.remove();
      }
    },
    limitMs,
  );
}
