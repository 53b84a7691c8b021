import type { Interpreter } from './form.js';

/* Clients of databases. Their text is SQL, and most of them run programs besides. */

const instead = 'a `sql` step takes it as $1, with values: ["${…}"]';
const query: Interpreter = { letters: 'q', options: ['--query', '--queries-file'], instead };
const execute: Interpreter = { letters: 'ef', options: ['--execute', '--file'], instead };
const mysql: Interpreter = {
  letters: 'e',
  options: [
    ...['--execute', '--init-command', '--init-command-add', '--pager'],
    ...['--defaults-file', '--defaults-extra-file', '--plugin-dir', '--default-auth'],
  ],
  skip: 'uhPDS',
  instead,
};
const mysqldump: Interpreter = {
  letters: 'w',
  options: ['--where', '--init-command', '--plugin-dir', '--defaults-file'],
  skip: 'uhPSr',
  instead,
};
const mongo: Interpreter = { letters: 'f', options: ['--eval', '--file'] };
const mongoExport: Interpreter = { letters: 'q', options: ['--query', '--queryfile'] };

export const databases: Readonly<Record<string, Interpreter>> = {
  // A variable is inserted as text, by `:name` in what it reads: see docs/writing-runbooks.md.
  psql: {
    letters: 'cfv',
    options: ['--command', '--file', '--set', '--variable'],
    ...{ skip: 'dhpUFRPTLo', marks: '|', instead },
  },
  pgbench: { letters: 'fD', options: ['--file', '--define'], skip: 'cjtTUhp', instead },
  ...{ mysql, mariadb: mysql, mysqldump, 'mariadb-dump': mysqldump, mysqlpump: mysqldump },
  sqlite: { options: ['-cmd', '-init', '--cmd', '--init'], plain: 'second', instead },
  duckdb: { letters: 'cs', options: ['-cmd', '-init'], plain: 'second', instead },
  sqlplus: { plain: 'second', instead },
  sqlcmd: { letters: 'qQiv', skip: 'SUPd', instead },
  cqlsh: execute,
  cockroach: execute,
  trino: execute,
  ...{ hive: execute, beeline: execute, 'spark-sql': execute },
  ...{ mongo, mongosh: mongo, mongodump: mongoExport, mongoexport: mongoExport },
  ...{ clickhouse: query, 'clickhouse-client': query, 'impala-shell': query },
  bq: { plain: 'second', instead },
  snowsql: { letters: 'qf', options: ['--query', '--filename'], instead },
  'redis-cli': { options: ['--eval', 'eval', 'evalsha', 'script'] },
  postgres: { letters: 'c' },
  pg_ctl: { letters: 'op', options: ['--options'] },
  'redis-server': { options: ['--loadmodule'] },
};
