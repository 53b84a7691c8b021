/*
 * The program that runs this pipeline for those who do not know its API: control.js URL VERB …, one
 * line of JSON on its standard output. STRIKES_TOKEN: who it is.
 */
const [url = '', verb = '', ...words] = process.argv.slice(2);
const given = [...words, '', '', '', ''].slice(0, 4) as [string, string, string, string];

interface Run {
  run: number;
  phase: keyof typeof states;
  at: { step: string } | null;
  began: number;
  key?: string;
  why?: { kind: string; text: string; row?: object };
}

const states = {
  WAITING: 'running',
  WORKING: 'running',
  DONE: 'completed',
  BROKEN: 'failed',
  ABORTED: 'stopped',
} as const;

/** What each verb does with its words. */
const verbs: Record<string, (...words: [string, string, string, string]) => Promise<object>> = {
  async jobs(job) {
    const { items } = await ask<{ items: Run[] }>('GET', '/runs');
    // The list may not go back so far.
    const isListed = job === '' || items.some(({ run }) => String(run) === job);
    const older = isListed ? undefined : await known(job);
    const all = older ? [older, ...items] : items;
    const jobs = all.map(({ run, phase, at, began }) => ({
      ...{ id: String(run), status: states[phase], stage: at?.step ?? null },
      created: new Date(began * 1_000).toISOString(),
    }));
    return { jobs: jobs.reverse() };
  },

  async job(job) {
    const run = await known(job);
    if (!run) return { status: 'unknown', stage: null, error: null };
    const { phase, at, why } = run;
    const error = why && {
      ...{ code: why.kind, message: why.text, record: why.row ?? null },
      poison: why.kind === 'BAD_ROW',
    };
    return { status: states[phase], stage: at?.step ?? null, error: error ?? null };
  },

  async restart(key, job, step, batch) {
    const from = JSON.stringify({ step, from: Number(batch) + 1 });
    const headers = { 'idempotency-key': key };
    const path = `/runs/${job}/resume`;
    const { started } = await ask<{ started: number }>('POST', path, { body: from, headers });
    return { job: String(started) };
  },

  async stop(key) {
    const { items } = await ask<{ items: Run[] }>('GET', '/runs');
    const started = items.find((each) => each.key === key);
    if (started) await ask('DELETE', `/runs/${started.run}`);
    return {};
  },
};

/** The service may have forgotten it. */
async function known(run: string): Promise<Run | undefined> {
  const { status, json } = await request('GET', `/runs/${run}`);
  return status === 404 ? undefined : (json as Run);
}

async function ask<T>(...asked: Parameters<typeof request>): Promise<T> {
  const { status, json } = await request(...asked);
  if (status >= 300) throw new Error(`the service answered ${status}`);
  return json as T;
}

async function request(method: string, path: string, { headers, ...more }: RequestInit = {}) {
  const authorization = `Bearer ${process.env['STRIKES_TOKEN'] ?? ''}`;
  const response = await fetch(new URL(path, url), {
    ...{ method, ...more },
    headers: { authorization, ...(headers as Record<string, string> | undefined) },
  });
  return { status: response.status, json: await response.json() };
}

try {
  const found = Object.hasOwn(verbs, verb) ? verbs[verb] : undefined;
  if (!found) throw new Error(`there is no verb ${verb}`);
  process.stdout.write(`${JSON.stringify(await found(...given))}\n`);
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
}
