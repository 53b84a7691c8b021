import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { WorkflowHandle } from '@temporalio/client';
import { chromium, type Browser, type Page } from 'playwright-core';
import { markdown, tableRow } from '../../common/markdown.js';
import { startOptions } from '../../common/start-options.js';
import { uiLink } from '../../common/ui-link.js';
import { browserProgram } from '../helpers/browser.js';
import { Engine } from '../helpers/engine.js';
import { hostileAt } from '../helpers/hostile.js';
import { until } from '../../lab/until.js';

const program = browserProgram();
const describeInBrowser = program ? describe : describe.skip;

/** The test server's Temporal UI. */
function uiUrl(): string {
  const base = process.env['RUNBOOK_TEST_UI_URL'];
  if (!base) throw new Error('RUNBOOK_TEST_UI_URL is not set: run this test through npm test');
  return base;
}

/** Where text of people stands in our Markdown. */
const contexts: ((text: string) => string)[] = [
  (text) => text,
  (text) => `asked by ${text}: ${text}`,
  (text) => `**Waits for somebody: ${text}**`,
  (text) => `- what: ${text}`,
  (text) => [tableRow(['a', 'b']), '|-|:-|', tableRow([text, 'x'])].join('\n'),
];

/** Elements, without those that our own Markdown makes, and cells beyond the two of the table. */
async function elements(text: string): Promise<string[]> {
  const answer = await fetch(`${uiUrl()}/render?content=${encodeURIComponent(text)}&theme=light`);
  const page = await answer.text();
  const names = [...page.slice(page.indexOf('<main>')).matchAll(/<([a-z]\w*)/g)].map(
    ([, name]) => name ?? '',
  );
  const own = 'main p strong code ul li table thead tbody tr th'.split(' ');
  return names
    .filter((name) => !own.includes(name))
    .filter(
      (name, at, all) =>
        name !== 'td' || all.slice(0, at).filter((each) => each === 'td').length >= 2,
    );
}

test('the Temporal UI makes no element of hostile text', async () => {
  const live = async (escape: (text: string) => string): Promise<string[]> => {
    const texts = hostileAt('http://127.0.0.1:9/x').map(escape);
    const all = contexts.flatMap((context) => texts.map((text) => elements(context(text))));
    return (await Promise.all(all)).flat();
  };
  const guarded = await live(markdown);
  const open = await live((text) => text);
  process.stderr.write(
    `${contexts.length} places in Markdown: ${guarded.length} elements; escaping off: ${open.length}\n`,
  );
  expect(guarded).toEqual([]);
  expect(open.length).toBeGreaterThan(0);
}, 60_000);

interface Attributes {
  getAttribute(name: string): string | null;
}

/** A run that asks at its gate, with links and pictures in its reason and in an input. */
describeInBrowser('Temporal UI of a run with hostile texts', () => {
  let engine: Engine;
  let browser: Browser;
  let page: Page;
  let server: Server;
  let address: string;
  const runs: WorkflowHandle[] = [];
  const arrived: string[] = [];
  const tried: string[] = [];

  beforeAll(async () => {
    server = createServer((request, response) => {
      arrived.push(request.url ?? '');
      response.end();
    });
    await new Promise<void>((listens) => server.listen(0, '127.0.0.1', listens));
    address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    engine = await Engine.start();
    browser = await chromium.launch({
      executablePath: program as string,
      args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'],
    });
    page = await browser.newPage({ viewport: { width: 1400, height: 1000 } });
    page.on('request', (request) => {
      if (request.url().startsWith(address)) tried.push(request.url());
    });
  }, 90_000);

  afterAll(async () => {
    await browser?.close();
    for (const run of runs) await run.terminate('end of test');
    await engine?.stop();
    server?.close();
  });

  /** @param change of how it is started */
  async function waiting(change: object = {}): Promise<(path: string) => string> {
    const text = hostileAt(`${address}/beacon`).join('\n');
    const inputs = { journal: text, last: '["/usr/bin/true"]', first_change: false };
    const admission = await engine.admission('test-gated', inputs);
    if (!admission.admitted) throw new Error(admission.problem.message);
    const envelope = { ...engine.envelope('test-gated', inputs), reason: text };
    const handle = await engine.client.workflow.start('test-gated', {
      ...startOptions(envelope, admission.plan),
      taskQueue: engine.taskQueue,
      ...change,
    });
    runs.push(handle);
    await engine.waiting(handle);
    const link = uiLink(uiUrl(), 'default', handle.workflowId, handle.firstExecutionRunId);
    return (path) => link.replace(/user-metadata$/, path);
  }

  /** Links and pictures of the hostile texts on a page, in all its frames. */
  async function found(link: string, shows: string): Promise<string[]> {
    await page.goto(link, { waitUntil: 'domcontentloaded' });
    const frames = await until('the page to show the texts', async () => {
      const bodies = await Promise.all(
        page.frames().map(async (frame) => ({
          text: await frame
            .locator('body')
            .innerText()
            .catch(() => ''),
          leads: await frame
            .locator('a[href], img[src]')
            .evaluateAll((all) =>
              (all as unknown as Attributes[]).map(
                (each) => each.getAttribute('href') ?? each.getAttribute('src') ?? '',
              ),
            )
            .catch(() => []),
        })),
      );
      return bodies.some(({ text }) => text.includes(shows)) ? bodies : undefined;
    });
    return frames
      .flatMap(({ leads }) => leads)
      .filter((each) => /127\.0\.0\.1:\d+\/beacon|there\.example|\bb\.c$/.test(each));
  }

  test('no page has a link or a picture of theirs, and nothing is asked for', async () => {
    const at = await waiting();
    const guarded = [
      ...(await found(at('user-metadata'), 'asked by requester')),
      ...(await found(at('memo'), 'alert(1)')),
      ...(await found(at('timeline'), 'alert(1)')),
      ...(await found(at('history/events/1'), 'alert(1)')),
    ];
    expect([arrived, tried]).toEqual([[], []]);

    // Not all of them: an open script tag would hide the others.
    const links = hostileAt(`${address}/beacon`).filter((text) => text.includes(address));
    const text = links.join('\n\n');
    const open = await waiting({ staticSummary: text, staticDetails: text });
    const without = await found(open('user-metadata'), 'Approve here');
    process.stderr.write(
      `reason and input: ${guarded.length} links and pictures, 0 fetched; escaping off: ${without.length}, ${tried.length} asked for, of which the UI's own policy let ${arrived.length} through\n`,
    );
    expect(guarded).toEqual([]);
    expect(without.length).toBeGreaterThan(0);
    expect(tried.length).toBeGreaterThan(0);
  }, 90_000);
});
