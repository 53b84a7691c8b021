/** What an operator declares of a dbt project. */
export function declarationOf(program: string, project: string) {
  const stage = (name: string) => ({ name, table: ['strikes', name], key: ['report'] });
  return {
    run: { dbt: { program, project } },
    data: {
      source: { table: 'raw.reports', key: ['report'] },
      stages: [
        stage('stg_reports'),
        stage('int_named'),
        stage('int_costed'),
        { ...stage('fct_strikes'), measures: ['cost', 'speed'] },
      ],
      rejects: { table: 'strikes.int_rejected', key: ['report'], reason: 'why' },
    },
  };
}
