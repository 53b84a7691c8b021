"""Reports in four parts at once: a mapped task in a task group, each part made as a whole.

Of the faults in `lab.faults`, a task knows `raise` alone: it fails before it writes anything.
"""

import os

import psycopg2
from airflow.exceptions import AirflowException
from airflow.sdk import dag, task, task_group


def connect():
    connection = psycopg2.connect(os.environ["STRIKES_DATABASE"], application_name="parts-dag")
    connection.autocommit = True
    return connection.cursor()


@dag(schedule=None, catchup=False)
def parts():
    @task_group
    def load():
        @task
        def part(number):
            cursor = connect()
            cursor.execute(
                "DELETE FROM lab.faults WHERE step = 'part' AND chunk = %s RETURNING id",
                (number,),
            )
            if cursor.fetchall():
                raise AirflowException(f"part {number} was refused")
            cursor.execute(
                "BEGIN; DELETE FROM lab.parts WHERE part = %s;"
                " INSERT INTO lab.parts"
                " SELECT report, number %% 4 FROM lab.reports WHERE number %% 4 = %s; COMMIT",
                (number, number),
            )

        part.expand(number=[0, 1, 2, 3])

    @task
    def gather():
        connect().execute(
            "BEGIN; TRUNCATE lab.gathered;"
            " INSERT INTO lab.gathered SELECT report FROM lab.parts; COMMIT"
        )

    load() >> gather()


parts()
