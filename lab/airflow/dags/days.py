"""Three DAGs whose runs each have a day of their own, which `conf` names.

`days` closes its days in their order (`depends_on_past`), `others` does not, and `sums` reads what
`days` has made. Each makes the rows of its day as a whole, and writes into `lab.work` when it began
and ended. Of the faults in `lab.faults`, a task knows `raise` alone: it fails before it writes
anything.
"""

import os
import time

import psycopg2
from airflow.exceptions import AirflowException
from airflow.sdk import dag, get_current_context, task

# Long enough for two that run at the same time to be seen.
WORK_SECONDS = 1


def connect(name):
    connection = psycopg2.connect(os.environ["STRIKES_DATABASE"], application_name=f"{name}-dag")
    connection.autocommit = True
    return connection.cursor()


def make(name, source, in_turn):
    @dag(dag_id=name, schedule=None, catchup=False)
    def of_a_day():
        @task
        def load():
            day = get_current_context()["dag_run"].conf["day"]
            cursor = connect(name)
            cursor.execute(
                "DELETE FROM lab.faults WHERE id = (SELECT min(id) FROM lab.faults"
                " WHERE step = %s AND chunk = %s) RETURNING id",
                (name, int(day)),
            )
            if cursor.fetchall():
                raise AirflowException(f"{name} lost its connection")
            cursor.execute(
                "INSERT INTO lab.work (dag, day) VALUES (%s, %s) RETURNING id", (name, day)
            )
            ((work,),) = cursor.fetchall()
            time.sleep(WORK_SECONDS)
            cursor.execute(
                f"BEGIN; DELETE FROM lab.{name} WHERE day = %s;"
                f" INSERT INTO lab.{name} SELECT %s, report FROM {source} WHERE day = %s; COMMIT",
                (day, day, day),
            )
            cursor.execute("UPDATE lab.work SET ended = clock_timestamp() WHERE id = %s", (work,))

        @task(depends_on_past=in_turn)
        def close():
            day = get_current_context()["dag_run"].conf["day"]
            connect(name).execute("INSERT INTO lab.closed VALUES (%s, %s)", (name, day))

        load() >> close()

    return of_a_day()


days = make("days", "lab.reports_by_day", True)
others = make("others", "lab.reports_by_day", False)
sums = make("sums", "lab.days", False)
