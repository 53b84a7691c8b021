import {
  connectionsOf,
  isClaimed,
  type AirflowRun,
  type HttpRun,
  type Pipeline,
  type PipelineData,
  type ProgramRun,
} from './pipeline.js';

/** What cannot be done with a pipeline, in sentences. */
export function limitsOf({ run, data }: Pipeline): string[] {
  return [...limitsOfRun(run), ...limitsOfData(data)];
}

function limitsOfData(data: PipelineData): string[] {
  const connections = connectionsOf(data);
  const isApart = connections.length > 1;
  return [
    ...(isApart ? ['Its databases are read one after the other, and not as of one moment.'] : []),
    ...(isApart && isClaimed(data)
      ? ['What is moved into quarantine is moved in one transaction for each database.']
      : []),
    ...(data.checkpoints?.query === undefined
      ? []
      : [
          'Checkpoints that a query returns are not moved: a restart has to begin where it ' +
            'is told to, whatever they claim.',
        ]),
  ];
}

function limitsOfRun(run: Pipeline['run']): string[] {
  if (run.http) return limitsOfApi(run.http);
  if (run.dbt) return limitsOfDbt;
  return run.airflow ? limitsOfAirflow(run.airflow) : limitsOfProgram(run.program);
}

function limitsOfProgram({ stops }: ProgramRun): string[] {
  return [
    ...(stops ? [] : ['The program cannot stop a job: nothing is undone by itself.']),
    'The program does not validate data: only our own comparison does.',
  ];
}

function limitsOfApi({ stop, restart, validate }: HttpRun): string[] {
  return [
    ...(stop ? [] : ['The job API cannot stop a job: nothing is undone by itself.']),
    ...(restart.idempotent
      ? []
      : [
          'The job API does not recognise a restart that is ' +
            'sent twice: where one is not answered, people decide.',
        ]),
    ...(validate ? [] : ['The job API does not validate data: only our own comparison does.']),
  ];
}

const limitsOfDbt = [
  'dbt has no checkpoint inside a model: a model is made anew as a whole.',
  'dbt does not tell which record a model cannot process: none is set aside.',
  'What dbt has built is not undone: it is built again.',
];

function limitsOfAirflow({ record }: AirflowRun): string[] {
  return [
    'Clearing a task discards its state and its XComs, and its note becomes that of this ' +
      'run; the logs of its tries stay.',
    'What a task has done is not undone: it runs again, and ' +
      'has to go on from its claims or make its table as a whole.',
    'Airflow ends a task some seconds after it is told to: nothing is undone by itself.',
    'A task that Airflow has given up may still be at work where Airflow cannot see it.',
    'Airflow does not recognise a clear that is sent twice: the note of the task tells that ' +
      'it arrived, else people decide.',
    ...(record === undefined
      ? ['Airflow does not tell which record a task cannot process: none is set aside.']
      : []),
  ];
}
