"""A scheduler and workers on this machine, started by the commands that start them on many."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

from distributed import Client

SETTINGS = {
    "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False",  # it looks at each thread every 10 ms
    "DASK_DISTRIBUTED__SCHEDULER__WORK_STEALING": "False",  # a card cannot move to another worker
    "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent.parent), os.environ.get("PYTHONPATH", "")]),
}


@contextlib.contextmanager
def cluster(folder, workers, threads, *options, log=subprocess.DEVNULL):
    """Start a scheduler and workers with these options of host.py; yield a client and the scheduler's process."""
    processes = []

    def start(kind, *arguments):
        command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", "--no-dashboard", *arguments]
        streams = {"stdout": log, "stderr": log}
        processes.append(subprocess.Popen(command, env=os.environ | SETTINGS, cwd=folder, **streams))  # noqa: S603  Python

    try:
        start("scheduler", "--host=127.0.0.1", "--port=0", "--scheduler-file=scheduler.json")
        with Client(scheduler_file=f"{folder}/scheduler.json", set_as_default=False) as client:
            ours = ["--preload=fleet.host", "--journal=journal.db", "--host-name=this", *options]
            for number in range(workers):
                dasks = [f"--nthreads={threads}", f"--name={number}", "--memory-limit=0", "--local-directory=."]
                start("worker", client.scheduler.address, *dasks, *ours)
            client.wait_for_workers(workers, timeout=60)
            yield client, processes[0]
            client.shutdown()
        for process in processes:
            process.wait(60)
    finally:
        for process in processes:
            process.terminate()
