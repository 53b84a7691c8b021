"""Marks the reports with the version of its own code. It stands in a repository of Git."""

import os

import psycopg2
from airflow.exceptions import AirflowException
from airflow.sdk import dag, task

CODE = "first"


@dag(schedule=None, catchup=False)
def versions():
    @task
    def mark():
        connection = psycopg2.connect(os.environ["STRIKES_DATABASE"])
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute("DELETE FROM lab.faults WHERE step = 'mark' RETURNING id")
        if cursor.fetchall():
            raise AirflowException("the mark was refused")
        cursor.execute(
            "BEGIN; TRUNCATE lab.marked; INSERT INTO lab.marked SELECT report, %s FROM lab.reports;"
            " COMMIT",
            (CODE,),
        )

    mark()


versions()
