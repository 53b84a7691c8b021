"""Reports of strikes through five tasks; each goes on from what it has claimed.

Written as many a DAG is: no transactions, rows in pieces, and a claim of what was meant to be
written. The table `lab.faults` says what goes wrong.
"""

import os
import signal
import time
from datetime import timedelta

import psycopg2
from airflow.exceptions import AirflowException
from airflow.sdk import dag, get_current_context, task

CHUNK = 200
PIECE = 20
UNNAMED = "Unknown bird or bat"
STEPS = {
    "received": ('wildlife."Report Lines"', '"Report No"', '"Cost Total $"', '"Speed (kn)"'),
    "named": ("wildlife.named", "report", "cost", "speed"),
    "booked": ('wildlife."Strikes"', '"No"', '"Damage"', '"Speed (kn)"'),
}


def connect():
    connection = psycopg2.connect(os.environ["STRIKES_DATABASE"], application_name="strikes-dag")
    connection.autocommit = True
    return connection.cursor()


def rows_of(cursor, text, values=()):
    cursor.execute(text, values)
    return cursor.fetchall()


def fault(cursor, step, chunk, written):
    """Does what `lab.faults` says of this place, once."""
    found = rows_of(
        cursor,
        "SELECT id, kind FROM lab.faults WHERE step = %s AND chunk = %s AND rows <= %s",
        (step, chunk, written),
    )
    for number, kind in found:
        if kind == "slow":
            time.sleep(0.5)
            continue
        cursor.execute("DELETE FROM lab.faults WHERE id = %s", (number,))
        if kind == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if kind == "raise":
            raise AirflowException(f"{step} lost its connection in chunk {chunk}")


def chunks_of(cursor):
    ((rows,),) = rows_of(cursor, "SELECT count(*) FROM lab.reports")
    return range(1, -(-rows // CHUNK) + 1)


def read(cursor, step, chunk):
    """The rows of a chunk as the step before has them."""
    if step == "received":
        return rows_of(
            cursor,
            "SELECT report, cost, speed, species FROM lab.reports"
            " WHERE number > %s AND number <= %s ORDER BY number",
            ((chunk - 1) * CHUNK, chunk * CHUNK),
        )
    before = "received" if step == "named" else "named"
    table, key, cost, speed = STEPS[before]
    species = '"Species"' if before == "received" else "''"
    rows = rows_of(
        cursor,
        f'SELECT {key}, {cost}, {speed}, {species} FROM {table} b WHERE "Chunk" = %s AND NOT EXISTS'
        f' (SELECT 1 FROM wildlife."Skip" s WHERE s."Report No" = b.{key}) ORDER BY 1',
        (chunk,),
    )
    if step == "named":
        left = [row[0] for row in rows if row[3] == UNNAMED]
        cursor.execute("DELETE FROM wildlife.left_out WHERE report = ANY(%s)", (left,))
        for report in left:
            cursor.execute(
                "INSERT INTO wildlife.left_out VALUES (%s, 'named', 'nobody has named it')",
                (report,),
            )
        return [row for row in rows if row[3] != UNNAMED]
    poison = [row[0] for row in rows_of(cursor, "SELECT report FROM lab.poison")]
    for row in rows:
        if row[0] in poison:
            get_current_context()["ti"].xcom_push(key="bad_record", value={"Report No": row[0]})
            raise AirflowException(f"report {row[0]} has no damage that can be booked")
    return rows


def do(step):
    cursor = connect()
    table, key, cost, speed = STEPS[step]
    claimed = rows_of(cursor, 'SELECT "Chunk" FROM wildlife."Done" WHERE "Step" = %s', (step,))
    done = {row[0] for row in claimed}
    for chunk in chunks_of(cursor):
        if chunk in done:
            continue
        rows = read(cursor, step, chunk)
        species = ', "Species"' if step == "received" else ""
        for at in range(0, len(rows), PIECE):
            fault(cursor, step, chunk, at)
            for row in rows[at : at + PIECE]:
                values = (row[0], chunk, row[1], row[2]) + ((row[3],) if species else ())
                places = ", ".join(["%s"] * len(values))
                cursor.execute(
                    f'INSERT INTO {table} ({key}, "Chunk", {cost}, {speed}{species})'
                    f" VALUES ({places})",
                    values,
                )
        cursor.execute(
            'INSERT INTO wildlife."Done" ("Step", "Chunk", "Rows", "Cost", "Speed")'
            " VALUES (%s, %s, %s, %s, %s)",
            (step, chunk, len(rows), sum(row[1] for row in rows), sum(row[2] or 0 for row in rows)),
        )


@dag(schedule=None, catchup=False, max_active_runs=1)
def strikes():
    @task.sensor(poke_interval=5, timeout=60, mode="reschedule")
    def wait_for_reports():
        return rows_of(connect(), "SELECT count(*) FROM lab.reports")[0][0] > 0

    @task
    def receive():
        do("received")

    @task
    def name():
        do("named")

    @task
    def book():
        do("booked")

    @task
    def summarise():
        connect().execute(
            "BEGIN; TRUNCATE lab.totals; INSERT INTO lab.totals"
            ' SELECT count(*), sum("Damage") FROM wildlife."Strikes"; COMMIT'
        )

    wait_for_reports() >> receive() >> name() >> book() >> summarise()


strikes()
