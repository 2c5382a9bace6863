"""mpiexec -n 3 python -m minivit: one command in several processes. What starts some needs pip install "minivit[mpi]"."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from minivit.program import cli, together
from minivit.training.checkpoint import load_checkpoint, load_model
from minivit.training.parallel import OneProcess

from ..support.several import command, ended, mpiexec, needs_mpi
from ..support.tiny import ENVIRONMENT, same_state, toml

KILLS = 3
TOML = toml(12, 256, "dropout = 0.1\n", shift=1, ema=0.95, validation=0.1, patience=12, accumulate=5)


# who is alone


@pytest.mark.parametrize(
    "environment, answer",
    [
        ({}, (1, 0)),
        ({"PMI_SIZE": "4", "PMI_RANK": "3"}, (4, 3)),  # MPICH, Intel MPI
        ({"PMI_SIZE": "1", "PMI_RANK": "0", "SLURM_STEP_NUM_TASKS": "2"}, (1, 0)),  # mpiexec starts one by way of srun
        ({"OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_RANK": "1", "PMIX_RANK": "1"}, (2, 1)),  # Open MPI
        ({"PMIX_RANK": "1"}, (0, 1)),  # how many does not stand there
        ({"SLURM_JOB_ID": "7", "SLURM_NTASKS": "8", "SLURM_PROCID": "0"}, (1, 0)),  # a batch script of Slurm, of 8 tasks
        ({"SLURM_NTASKS": "8", "SLURM_STEP_NUM_TASKS": "8", "SLURM_PROCID": "5"}, (8, 5)),  # srun in it
        ({"SLURM_STEP_NUM_TASKS": "1", "SLURM_PROCID": "0", "PMIX_RANK": "0"}, (1, 0)),
    ],
)
def test_the_environment_tells_how_many_processes_were_started(environment, answer):
    assert together.started(environment) == answer


def test_whoever_is_alone_needs_no_mpi():
    code = "import sys; from minivit.program.cli import main; main(['info']); print('mpi4py' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, text=True)
    assert done.stdout.endswith("False\n"), done.stderr


@pytest.mark.parametrize("rank, words", [(0, 1), (1, 0)])
def test_several_processes_without_mpi4py_are_told_once_and_do_nothing(rank, words, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    monkeypatch.setenv("PMI_SIZE", "4")
    monkeypatch.setenv("PMI_RANK", str(rank))
    assert cli.main(["train"]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == words == err.count("minivit: 4 processes were started, and mpi4py cannot be used")
    assert err.count('pip install "minivit[mpi]"') == words


def test_one_process_takes_no_turns():
    assert together.in_turn(OneProcess(), lambda: 5) == 5


# one run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder in which runs/alone was trained by one process, and runs/three by three."""
    folder = tmp_path_factory.mktemp("together")
    (folder / "tiny.toml").write_text(TOML)
    train = "minivit", "train", "--config", "tiny.toml", "--out"
    subprocess.run(command(*train, "runs/alone"), cwd=folder, env=ENVIRONMENT, check=True, capture_output=True)
    code, out, err = ended(mpiexec(3, *train, "runs/three", cwd=folder))
    assert (code, err) == (0, "")
    (folder / "out.txt").write_text(out)
    return folder


def weights(folder, name):
    return load_model(folder / "runs" / name)[0].state_dict()


@needs_mpi
def test_three_processes_leave_one_run_with_the_weights_of_one_process(folder):
    assert same_state(weights(folder, "three"), weights(folder, "alone"))
    assert sorted(path.name for path in (folder / "runs").iterdir()) == ["alone", "three"]
    names = [sorted(path.name for path in (folder / "runs" / run).iterdir()) for run in ("alone", "three")]
    assert names[0] == names[1]


@needs_mpi
def test_the_run_is_told_once_and_says_who_took_part(folder):
    out = (folder / "out.txt").read_text()
    assert out.count("test accuracy") == out.count("epoch 12/12") == 1
    assert re.search(r"^3 processes train it together, 3 on \S+, each with \d+ threads?$", out, re.MULTILINE)
    told = json.loads((folder / "runs" / "three" / "results.json").read_text())["processes"]
    assert (told["processes"], sum(told["machines"].values()), told["sum"]) == (3, 3, "ordered")
    page = (folder / "runs" / "three" / "report.html").read_text()
    assert all(f"{kind}, an epoch" in page for kind in told["seconds_an_epoch"])
    assert "processes" not in json.loads((folder / "runs" / "alone" / "results.json").read_text())


@needs_mpi
def test_the_test_images_are_tested_in_shares_to_the_same_table(folder):
    evaluate = "minivit", "evaluate", "--model", "runs/three"
    alone = subprocess.run(command(*evaluate), cwd=folder, env=ENVIRONMENT, capture_output=True)
    code, out, err = ended(mpiexec(2, *evaluate, cwd=folder))
    assert (code, out, err) == (0, alone.stdout.decode(), "")


@needs_mpi
@pytest.mark.parametrize(
    "arguments, code, told",
    [
        (["info"], 0, "17.564 G"),
        (["train", "--nonsense"], 2, "unrecognized arguments: --nonsense"),
        (["train", "--data", "nowhere"], 2, "there is no data set 'nowhere'"),
        (["evaluate", "--model", "nowhere"], 2, "there is no model at nowhere"),
    ],
)
def test_each_command_speaks_once(folder, arguments, code, told):
    found, out, err = ended(mpiexec(2, "minivit", *arguments, cwd=folder))
    assert found == code
    assert (out + err).count(told) == 1
    assert err.count("\n") == (code > 0)


# what goes wrong


def broken(folder, rank, how, name):
    """(exit code, stdout, stderr) of a training that one of two processes does not survive."""
    arguments = rank, how, "train", "--config", "tiny.toml", "--out", f"runs/{name}"
    return ended(mpiexec(2, "break", *arguments, cwd=folder))


@needs_mpi
@pytest.mark.parametrize("rank, how", [(1, "ValueError"), (0, "OSError")])
def test_an_error_in_one_process_ends_all_with_its_sentence_and_the_checkpoint_whole(folder, rank, how):
    code, _, err = broken(folder, rank, how, how)
    assert code == 2
    assert re.fullmatch("minivit: " + r"process 1 on \S+: " * rank + "broken here.*\n", err), err
    assert len(load_checkpoint(folder / "runs" / how / "checkpoint.npz")[1]["rows"]) == 1 + rank  # process 0 was done with two


@needs_mpi
def test_a_process_that_read_other_images_is_named_before_anything_is_written(folder):
    code, _, err = broken(folder, 1, "other images", "other")
    assert code == 2
    assert re.fullmatch(r"minivit: process 1 on \S+ had other training images than process 0 on .*\n", err), err
    assert not (folder / "runs" / "other").exists()


@needs_mpi
def test_a_bug_in_one_process_ends_all_and_shows_where(folder):
    code, _, err = broken(folder, 1, "bug", "bug")
    assert code == 1 and "Traceback" in err and "TypeError: broken" in err


@needs_mpi
def test_ctrl_c_in_any_process_keeps_the_work_of_all(folder):
    code, out, err = broken(folder, 1, "Ctrl-C", "stopped")
    assert (code, err) == (0, "")
    assert "stopped by Ctrl-C: the model is that of epoch 2 of 12" in out and "test accuracy" in out
    assert len(load_checkpoint(folder / "runs" / "stopped" / "checkpoint.npz")[1]["rows"]) == 2


def children(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@needs_mpi
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="the processes that mpiexec started are found in Linux's /proc")
def test_killed_at_random_moments_and_resumed_by_any_number_it_ends_in_the_same_weights(folder):
    begin, moments, killed = ("--config", "tiny.toml", "--out", "runs/killed"), random.Random(0), 0
    checkpoint = folder / "runs" / "killed" / "checkpoint.npz"
    while killed < KILLS:
        begun = len(load_checkpoint(checkpoint)[1]["rows"]) if checkpoint.exists() else 0
        job = mpiexec(2 + killed % 2, "minivit", "train", *(("--resume", "runs/killed") if begun else begin), cwd=folder)
        while job.poll() is None and not (checkpoint.exists() and len(load_checkpoint(checkpoint)[1]["rows"]) > begun):
            time.sleep(0.02)
        time.sleep(moments.uniform(0, 0.3))
        ranks = [rank for proxy in children(job.pid) for rank in children(proxy)] if job.poll() is None else []
        if ranks:
            os.kill(moments.choice(ranks), signal.SIGKILL)
            killed += 1
        started = time.perf_counter()
        ended(job)
        assert time.perf_counter() - started < 30  # a twentieth of a second where nothing else runs
        if not ranks:  # it was too fast: from the beginning
            checkpoint.unlink()
    code, _, err = ended(mpiexec(4, "minivit", "train", "--resume", "runs/killed", cwd=folder))
    assert (code, err) == (0, "")
    assert same_state(weights(folder, "killed"), weights(folder, "alone"))
