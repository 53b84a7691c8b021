import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { WorkflowHandle } from '@temporalio/client';
import { chromium, type Browser, type Page } from 'playwright-core';
import { uiLink } from '../../common/ui-link.js';
import { Engine } from '../helpers/engine.js';
import { browserProgram } from '../helpers/browser.js';
import { until } from '../helpers/until.js';

const program = browserProgram();
const describeInBrowser = program ? describe : describe.skip;

/** What an operator sees of a waiting run in the Temporal UI itself. */
describeInBrowser('Temporal UI of a waiting run', () => {
  let engine: Engine;
  let browser: Browser;
  let page: Page;
  let handle: WorkflowHandle;
  let command: string;

  beforeAll(async () => {
    engine = await Engine.start();
    handle = await engine.run('test-gated', {
      journal: engine.path('ui.txt'),
      last: '["/usr/bin/true"]',
    });
    command = (await engine.waiting(handle)).command;
    browser = await chromium.launch({
      executablePath: program as string,
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    });
    page = await browser.newPage({ viewport: { width: 1400, height: 1000 } });
  }, 90_000);

  afterAll(async () => {
    await browser?.close();
    await handle?.terminate('end of test');
    await engine?.stop();
  });

  async function open(path: 'history' | 'user-metadata' | 'memo'): Promise<void> {
    const base = process.env['RUNBOOK_TEST_UI_URL'];
    if (!base) throw new Error('RUNBOOK_TEST_UI_URL is not set: run this test through npm test');
    const { runId } = await handle.describe();
    const link = uiLink(base, 'default', handle.workflowId, runId, 'history');
    await page.goto(link.replace(/history$/, path), { waitUntil: 'domcontentloaded' });
  }

  test('its details show the step table and the command that approves it', async () => {
    await open('user-metadata');
    const shown = await until('the details to show the command', async () => {
      // The UI renders Markdown in a frame of its own.
      const texts = await Promise.all(
        page.frames().map((frame) =>
          frame
            .locator('body')
            .innerText()
            .catch(() => ''),
        ),
      );
      return texts.find((text) => text.includes(command));
    });
    const folder = process.env['RUNBOOK_SCREENSHOTS'];
    if (folder && existsSync(folder))
      await page.screenshot({ path: `${folder}/temporal-ui-waiting-run.png` });
    expect(shown).toContain('May it go on?');
    for (const step of ['before', 'gate', 'after', 'last']) expect(shown).toContain(step);
    expect(shown).toContain('waiting');
  }, 60_000);

  test("the gate's timer carries the command", async () => {
    await open('history');
    await page.getByText(command).first().waitFor();
  }, 60_000);

  test('the memo carries the command', async () => {
    await open('memo');
    await page.getByText(command).first().waitFor();
  }, 60_000);
});
