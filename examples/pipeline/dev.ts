import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { choosePort } from '../../embedded/ports.js';
import { onStopRequest } from '../../embedded/stop-request.js';
import { startPipeline, type PipelineProcess } from '../../lab/pipeline/client.js';
import { pipelineFiles } from './files.js';

/*
 * The example pipeline for `runbook dev --example pipeline`: it has died in the middle of a stage,
 * and waits for somebody who recovers it. What an example is told, and has to say, is in
 * embedded/example.ts.
 */

/** Where it dies. */
const place = { stage: 'transform', batch: 8 } as const;

const folder = given('RUNBOOK_EXAMPLE_FOLDER');
const databaseUrl = given('RUNBOOK_EXAMPLE_DATABASE');
const command = given('RUNBOOK_COMMAND');

const token = kept('token', () => randomBytes(18).toString('base64url'));
// Plans of live runs name its address.
const port = Number(kept('port', () => '')) || undefined;
const chosen = await choosePort(port);
keep('port', String(chosen));
const pipeline = await startPipeline({ databaseUrl, token, port: chosen });
onStopRequest(() => {
  const exit = (): never => process.exit(0);
  pipeline.stop().then(exit, exit);
});

const messages = join(folder, 'messages.txt');
const { targets, secrets, password } = pipelineFiles(
  pipeline.url,
  databaseUrl,
  (name) => ({ from: `file:${join(folder, name)}` }),
  [process.execPath, join(import.meta.dirname, 'tell.js'), messages],
);
keep('targets.yaml', targets);
keep('secrets.yaml', secrets);
keep('password', password);
const job = await died(pipeline);
say(`Pipeline flights has failed: job ${job} died in stage ${place.stage}. To recover it:`);
say(
  `  ${command} start pipeline-recovery --input ` +
    "pipeline=flights --reason 'flights are late' --watch",
);
say(`What people are told of it, by the channel oncall: ${messages}`);
say('example ready');

/** The job to recover: the newest that has failed, or one that fails now. */
async function died(system: PipelineProcess): Promise<string> {
  const newest = await system.newestJob();
  if (newest !== null && newest.status !== 'completed') return newest.id;
  await system.setFaults({ crashAt: place });
  const id = await system.startJob({ reset: true });
  await system.waitForJob(id, ['failed']);
  await system.setFaults({});
  return id;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function given(name: string): string {
  const value = process.env[name];
  if (value) return value;
  process.stderr.write(`${name} is not set: this program is started by runbook dev --example\n`);
  process.exit(2);
}

function keep(name: string, content: string): void {
  writeFileSync(join(folder, name), content, { mode: 0o600 });
}

function kept(name: string, make: () => string): string {
  const file = join(folder, name);
  if (!existsSync(file)) keep(name, make());
  return readFileSync(file, 'utf8').trim();
}
