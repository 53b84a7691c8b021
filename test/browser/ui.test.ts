import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { WorkflowHandle } from '@temporalio/client';
import { chromium, type Browser, type Page } from 'playwright-core';
import { uiLink } from '../../common/ui-link.js';
import { Engine } from '../helpers/engine.js';
import { browserProgram } from '../helpers/browser.js';
import { until } from '../../lab/until.js';

const program = browserProgram();
const describeInBrowser = program ? describe : describe.skip;

/** What an operator sees of a run in the Temporal UI itself, by the links that we print. */
describeInBrowser('Temporal UI', () => {
  let engine: Engine;
  let browser: Browser;
  let page: Page;
  const runs: WorkflowHandle[] = [];

  beforeAll(async () => {
    engine = await Engine.start();
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
    await Promise.allSettled(runs.map((run) => run.terminate('end of test')));
    await engine?.stop();
  });

  async function gated(last: string): Promise<WorkflowHandle> {
    const handle = await engine.run('test-gated', {
      journal: engine.path(`${randomUUID()}.txt`),
      last: JSON.stringify([last]),
    });
    runs.push(handle);
    await engine.waiting(handle);
    return handle;
  }

  async function decide(handle: WorkflowHandle, verb: 'approve' | 'abort'): Promise<void> {
    const verdict = await engine.send(handle, await engine.decision(handle, { verb }));
    expect(verdict).toMatchObject({ accepted: true });
  }

  async function linkOf(handle: WorkflowHandle): Promise<string> {
    const base = process.env['RUNBOOK_TEST_UI_URL'];
    if (!base) throw new Error('RUNBOOK_TEST_UI_URL is not set: run this test through npm test');
    const { runId } = await handle.describe();
    return uiLink(base, 'default', handle.workflowId, runId);
  }

  /** The text of a page with its frames, once one of them has `text`. */
  async function shown(link: string, text: string, picture?: string): Promise<string> {
    await page.goto(link, { waitUntil: 'domcontentloaded' });
    const all = await until(`the page to show ${text}`, async () => {
      // The UI renders Markdown in a frame of its own.
      const texts = await Promise.all(
        page.frames().map((frame) =>
          frame
            .locator('body')
            .innerText()
            .catch(() => ''),
        ),
      );
      return texts.some((each) => each.includes(text)) && texts.join('\n');
    });
    const folder = process.env['RUNBOOK_SCREENSHOTS'];
    if (folder && existsSync(folder) && picture)
      await page.screenshot({ path: `${folder}/temporal-ui-${picture}.png` });
    expect(all).not.toMatch(/\n\s+at .*[:(]\d+/);
    return all;
  }

  test('of a waiting run shows what follows, the steps and the command that approves', async () => {
    const handle = await gated('/usr/bin/true');
    const { command } = await engine.waiting(handle);
    const link = await linkOf(handle);
    const details = await shown(link, command, 'waiting-run');
    expect(details).toContain('May it go on?');
    expect(details).toContain('What an approval lets happen, up to the next gate');
    for (const step of ['before', 'gate', 'after', 'last']) expect(details).toContain(step);
    expect(details).toContain('waiting');
    // Where no worker lives there are no details.
    for (const page of ['history', 'memo'])
      await shown(link.replace(/user-metadata$/, page), command);
  }, 60_000);

  test('of a failed run shows why, what it has left, and how that is taken back', async () => {
    const handle = await engine.run('test-desk', {
      journal: engine.path('desk.txt'),
      first: '["/usr/bin/true"]',
      second: '["/usr/bin/false"]',
    });
    runs.push(handle);
    await decide(handle, 'abort');
    expect(await engine.ended(handle)).toMatchObject({ state: 'failed' });
    const details = await shown(await linkOf(handle), 'Not taken back', 'failed-run');
    expect(details).toContain('false ended with exit code 1');
    expect(details).toContain(`runbook logs ${handle.workflowId} second`);
    expect(details).toContain('first (First command): left as it is; by hand: Undo it');
    expect(details).toContain('succeeded, left');
    expect(details).toContain('Decisions');
  }, 60_000);

  test('of a finished run shows its steps and who decided', async () => {
    const handle = await gated('/usr/bin/true');
    await decide(handle, 'approve');
    await handle.result();
    const details = await shown(await linkOf(handle), 'Decisions', 'finished-run');
    expect(details).toContain('succeeded');
    expect(details).toContain('approves gate gate: accepted');
    expect(details).not.toContain('Not taken back');
  }, 60_000);
});
