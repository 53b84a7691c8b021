import type { HttpRun, Pipeline } from './pipeline.js';

/** What cannot be done with a pipeline because of how it is run, in sentences. */
export function limitsOf({ run }: Pipeline): string[] {
  return run.http ? limitsOfApi(run.http) : limitsOfDbt;
}

function limitsOfApi({ stop, restart, validate }: HttpRun): string[] {
  return [
    ...(stop ? [] : ['The job API cannot stop a job: nothing is undone by itself.']),
    ...(restart.idempotent
      ? []
      : [
          'The job API does not recognise a restart that is sent twice: where one is not answered, people decide.',
        ]),
    ...(validate ? [] : ['The job API does not validate data: only our own comparison does.']),
  ];
}

const limitsOfDbt = [
  'dbt has no checkpoint inside a model: a model is made anew as a whole.',
  'dbt does not tell which record a model cannot process: none is set aside.',
  'What dbt has built is not undone: it is built again.',
];
