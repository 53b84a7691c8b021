/**
 * Takes the pictures of docs/images anew, with the Chromium of this machine: a waiting run in the
 * Temporal UI, and the report of the run when it is done. Look at them before you commit them.
 *
 *   npm run screenshots
 */
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';
import { Operator } from '../dist/examples/demo/cli.js';
import { withStack } from '../dist/examples/demo/stack.js';
import { browserProgram } from '../dist/test/helpers/browser.js';

const images = join(resolve(import.meta.dirname, '..'), 'docs', 'images');
const program = browserProgram();
if (!program) {
  process.stderr.write('There is no Chromium here. Install one, or name it in CHROMIUM.\n');
  process.exit(1);
}
mkdirSync(images, { recursive: true });

await withStack(async (stack) => {
  const pipeline = await stack.startPipeline({
    corruptCheckpoint: { stage: 'transform', batch: 5, mode: 'missing' },
  });
  const job = await pipeline.startJob();
  await pipeline.waitForJob(job, ['failed']);
  await pipeline.setFaults({});
  await stack.startWorker();
  const [operator, approver] = [
    new Operator('oncall', stack.cliEnv),
    new Operator('data-owner', stack.cliEnv),
  ];
  await operator.run(
    'start',
    'pipeline-recovery',
    '--input',
    'pipeline=flights',
    '--reason',
    'nightly load is late',
    '--yes',
  );
  await operator.run('wait', '@latest', '--for', 'decision', '--timeout', '60s');
  const run = await operator.json([0, 8], 'status', '@latest');

  const browser = await chromium.launch({
    executablePath: program,
    args: ['--no-sandbox', '--disable-gpu'],
  });
  const page = await browser.newPage({ viewport: { width: 1500, height: 1400 } });
  await page.goto(run.uiUrl, { waitUntil: 'domcontentloaded' });
  await page.frameLocator('iframe').last().getByText('runbook approve').first().waitFor();
  await page.screenshot({ path: join(images, 'temporal-ui-waiting-run.png') });

  await approver.run(
    'approve',
    run.id,
    '--reason',
    'verdict and checkpoint are plausible',
    '--yes',
  );
  await operator.run('wait', run.id, '--for', 'done', '--timeout', '120s');
  const report = join(stack.cliEnv.RUNBOOK_TARGETS, '..', 'report.html');
  await operator.run('report', run.id, '-o', report);
  await page.setViewportSize({ width: 1200, height: 1100 });
  await page.goto(pathToFileURL(report).href);
  await page.screenshot({ path: join(images, 'report.png') });
  await browser.close();
});
