"""Waits for a file without a worker (a deferrable sensor), then takes the reports as a whole.

Beside it `check` fails once where `lab.faults` says so.
"""

import os

import psycopg2
from airflow.exceptions import AirflowException
from airflow.providers.standard.sensors.filesystem import FileSensor
from airflow.sdk import dag, task


def connect():
    connection = psycopg2.connect(os.environ["STRIKES_DATABASE"], application_name="arrivals-dag")
    connection.autocommit = True
    return connection.cursor()


@dag(schedule=None, catchup=False)
def arrivals():
    wait = FileSensor(
        task_id="wait_for_file",
        filepath=os.environ["STRIKES_ARRIVAL"],
        deferrable=True,
        poke_interval=1,
        timeout=600,
    )

    @task
    def take():
        connect().execute(
            "BEGIN; TRUNCATE lab.arrived; INSERT INTO lab.arrived SELECT report FROM lab.reports;"
            " COMMIT"
        )

    @task
    def check():
        cursor = connect()
        cursor.execute("DELETE FROM lab.faults WHERE step = 'check' RETURNING id")
        if cursor.fetchall():
            raise AirflowException("the check was refused")

    wait >> take()
    check()


arrivals()
