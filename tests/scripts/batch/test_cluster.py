"""Workers as processes: they die, are replaced, hear only this machine, and end with the command."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil
import pytest

from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.scripts.batch import cluster
from neucam_nerfstudio.scripts.batch.cluster import outcomes, own_cluster, running_cluster, said_of_death

PATIENCE_S = 120
"""How long a process is waited for that is told to end: on a busy machine."""


@pytest.mark.slow
def test_a_worker_that_dies_is_replaced_and_its_job_done_again_or_given_up(tmp_path):
    def work(job: tuple[str, str]) -> tuple[str, int, str]:
        """Dies as the job says: `never`, `once`, `always`."""

        dies, mark = job
        if dies == "always" or (dies == "once" and not Path(mark).exists()):
            Path(mark).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGINT)  # Ctrl+C reaches workers too, and is for the command alone
        return dies, os.getpid(), os.environ["OMP_NUM_THREADS"]

    this = psutil.Process()
    before = set(this.children(recursive=True))
    jobs = {name: (name.split()[0], str(tmp_path / name)) for name in ("once", "never 1", "always", "never 2")}
    with own_cluster(2, budget_bytes=8 * 2**30) as client:
        came = dict(outcomes(client, work, jobs))
        client.wait_for_workers(2, timeout=PATIENCE_S)
        workers = [each for each in set(this.children(recursive=True)) - before if "spawn_main" in str(each.cmdline())]
        ports = [each.laddr for process in (this, *workers) for each in _listening(process)]
        assert len(workers) == 2 and ports and {port.ip for port in ports} == {"127.0.0.1"}
        assert len(ports) - len(_listening(this)) == 2, "each worker hears its scheduler, and serves no page"
    died = came.pop("always")
    assert isinstance(died, Exception)
    assert said_of_death(died).startswith("The worker died twice while it made this capture, perhaps of too little")
    assert {name: dies for name, (dies, _, _) in came.items()} == {
        "once": "once",
        "never 1": "never",
        "never 2": "never",
    }
    assert {outcome[2] for outcome in came.values()} == {str(max(1, cluster.num_cpus() // 2))}
    assert psutil.wait_procs(workers, PATIENCE_S)[1] == []


def _listening(process: psutil.Process) -> list:
    return [each for each in process.net_connections("tcp") if each.status == psutil.CONN_LISTEN]


def test_a_scheduler_that_does_not_answer_is_said(monkeypatch):
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 0.2)
    with pytest.raises(NeucamError, match="--scheduler tcp://127.0.0.1:1: no Dask scheduler answers"):
        with running_cluster("tcp://127.0.0.1:1"):
            pass


def test_other_errors_of_workers_are_said_as_they_are():
    assert said_of_death(TypeError("x")) == "The worker could not take it: TypeError: x"
