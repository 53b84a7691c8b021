"""One DBOS workflow of so many steps, one after the other, on PostgreSQL; prints the milliseconds that a step took."""
import json
import os
import subprocess
import sys
import time

from dbos import DBOS

program, steps = sys.argv[1], int(sys.argv[2])
DBOS(config={"name": "bench", "system_database_url": os.environ["DBOS_BENCH_DATABASE_URL"], "run_admin_server": False, "log_level": "ERROR"})


@DBOS.step()
def work() -> int:
    return subprocess.run([program], check=True).returncode


@DBOS.workflow()
def measured() -> float:
    work()
    began = time.perf_counter()
    for _ in range(steps):
        work()
    return (time.perf_counter() - began) * 1000 / steps


DBOS.launch()
print(json.dumps({"ms": measured()}))
DBOS.destroy()
