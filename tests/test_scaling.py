"""The model of a step over many processes, in the cases whose answer is known."""

import json
import math

import pytest

from benchmarks import __main__ as command
from benchmarks import batches, in_processes, scaling, scaling_chart
from benchmarks.measure import Setup
from benchmarks.scaling import Job, Link
from benchmarks.sections import processes
from minivit import ViTConfig

BYTES_ONLY, LATENCY_ONLY = Link(0.0, 1.0), Link(1.0, math.inf)
LINK = Link(latency=3e-5, bandwidth=2e8, adding=5e9)
JOB = Job(parameters=3_000_000, batch=64, images=8, piece=0.25, update=0.02, preparing=1e-4)


@pytest.mark.parametrize("way", scaling.WAYS)
def test_one_process_says_nothing(way):
    """20 images are three pieces of 8, whose gradients are added; then the update, and 20 images were prepared."""
    assert scaling.WAYS[way](JOB.bytes, 1, LINK) == pytest.approx(0, abs=1e-12)
    own = 3 * (0.25 + 12e6 / 5e9)
    assert scaling.step(JOB, LINK, 1, 20, way) == pytest.approx(own + 0.02 + 20 * 1e-4)
    assert scaling.speed_up(JOB, LINK, 1, 20, way) == 1


@pytest.mark.parametrize("p", [2, 3, 8, 1000])
def test_a_ring_sends_almost_twice_the_bytes_however_many_there_are(p):
    n = 1e6
    assert scaling.ring(n, p, BYTES_ONLY) == pytest.approx(2 * (p - 1) / p * n)
    assert scaling.ring(n, p, BYTES_ONLY) < 2 * n
    assert scaling.ring(n, p, LATENCY_ONLY) == 2 * (p - 1)
    assert scaling.ring(n, p, Link(0.0, math.inf, adding=1.0)) == pytest.approx((p - 1) / p * n)


def test_halving_sends_the_bytes_of_a_ring_in_a_trees_number_of_messages():
    n = 1e6
    for p in (2, 8, 1024):
        assert scaling.halving(n, p, BYTES_ONLY) == scaling.ring(n, p, BYTES_ONLY)
        assert scaling.halving(n, p, LATENCY_ONLY) == scaling.tree(n, p, LATENCY_ONLY) == 2 * math.log2(p)
    assert scaling.halving(n, 3, BYTES_ONLY) == scaling.halving(n, 2, BYTES_ONLY) + 2 * n  # the third sends and gets everything
    assert scaling.halving(n, 3, LATENCY_ONLY) == 4


def test_a_tree_sends_everything_in_every_round():
    assert [scaling.tree(10.0, p, BYTES_ONLY) for p in (2, 3, 4, 5)] == [20, 40, 40, 60]


def test_a_broadcast_takes_the_cheaper_way():
    assert scaling.broadcast(8.0, 2, BYTES_ONLY) == 8
    assert scaling.broadcast(8.0, 1024, BYTES_ONLY) == pytest.approx(2 * 8, rel=1e-2)  # in parts, which go round
    assert scaling.broadcast(8.0, 1024, LATENCY_ONLY) == 10  # down a tree


def by_the_clock(chunks, p, add, hand_on):
    """When the last process of a chain has added the last chunk: who sends waits until the next one is free."""
    free = [0.0] * p
    for _ in range(chunks):
        arrived = free[0]
        for r in range(p):
            added = arrived + add
            if r < p - 1:
                added = arrived = max(added, free[r + 1]) + hand_on
            free[r] = added
    return free[-1]


@pytest.mark.parametrize("p", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("chunks", [1, 2, 5])
@pytest.mark.parametrize("k", [1, 3])
def test_the_chain_of_the_ordered_sum_takes_what_a_clock_in_each_process_would_show(p, chunks, k):
    n = chunks * scaling.CHUNK
    hand_on, add = LINK.message(scaling.CHUNK), k * scaling.CHUNK / LINK.adding
    expected = by_the_clock(chunks, p, add, hand_on) - chunks * add + scaling.broadcast(n, p, LINK)
    assert scaling.ordered(n, p, LINK, k) == pytest.approx(expected)


def test_more_processes_than_pieces_do_not_help():
    """40 images are five pieces: with five processes each has one, with 64 the others have none."""
    free = Link(0.0, math.inf)
    job = Job(1, batch=64, images=8, piece=1.0)
    assert [scaling.step(job, free, p, 40) for p in (1, 2, 3, 5, 64)] == [5, 3, 2, 1, 1]


def test_with_nothing_to_send_a_batch_that_grows_with_the_processes_takes_no_longer():
    free, job = Link(0.0, math.inf), Job(1, batch=64, images=8, piece=1.0)
    assert [scaling.speed_up(job, free, p, 16 * p) for p in (1, 10, 1000)] == [1, 10, 1000]
    assert scaling.smallest_batch(job, free, 10) == 80


def test_the_smallest_batch_that_pays_is_that_of_the_formula():
    """A ring of 4: 2 * 3/4 of 4 bytes are 6 seconds. Of k pieces of a second each four fifths are not lost from k = 24 on."""
    job = Job(1, batch=64, images=2, piece=1.0)
    assert scaling.smallest_batch(job, BYTES_ONLY, 4, "ring") == 24 * 4 * 2
    slow = Job(1, batch=64, images=2, piece=1.0, preparing=1.0)  # of everybody, for the whole batch: no batch is large enough
    assert scaling.smallest_batch(slow, BYTES_ONLY, 4, "ring") is None


def test_pieces_and_parameters_are_those_of_the_model():
    job = processes.job_of(ViTConfig.preset("B/16"), 4096, Setup(1, 1, gflops=1000))
    assert job.parameters == 86_567_656 and job.images == 9  # 456 pieces of about 1,600 tokens
    assert job.piece == pytest.approx(6 * 9 * 17.564e9 / 1e12, rel=1e-4)


def test_beyond_the_cores_everything_takes_turns():
    one = processes.expected(JOB, LINK, 2, 64, "ordered", cores=2)
    assert one == scaling.step(JOB, LINK, 2, 64)
    assert processes.expected(JOB, LINK, 3, 64, "ordered", cores=2) == pytest.approx(1.5 * scaling.step(JOB, LINK, 3, 64))


def test_the_section_tells_of_every_network_and_is_drawn(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(in_processes, "missing", lambda: "there is no MPI")
    found = json.loads(json.dumps(processes.scale(Setup(threads=1, rounds=1, quick=True))))
    said = capsys.readouterr().out
    assert all(network in said for network in processes.NETWORKS) and "left out: what processes here do: there is no MPI" in said
    assert found["here"] is None and found["jobs"]["Ti/16"]["piece"] > 0 and found["adding"] > 1e6
    scaling_chart.draw(found, tmp_path / "scale.png")
    assert (tmp_path / "scale.png").stat().st_size > 0


def test_a_network_of_ones_own_is_told_of_and_nothing_is_written(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(command, "RESULTS", tmp_path)
    monkeypatch.setattr(in_processes, "missing", lambda: "there is no MPI")
    monkeypatch.setattr(processes, "_bytes_added", lambda setup: 4e9)
    command.main(["scale", "--latency", "20", "--bandwidth", "8", "--gflops", "1000"])
    assert not list(tmp_path.iterdir())
    said = capsys.readouterr().out
    job = processes.job_of(ViTConfig.preset("B/16"), processes.BATCH, Setup(1, 1, gflops=1000))
    seconds = scaling.step(job, Link(20e-6, 1e9, 4e9), 64, processes.BATCH, "ring")
    (line,) = (line.split() for line in said.splitlines() if line.split()[:1] == ["B/16"] and "ring" in line.split())
    assert line[line.index("ring") + 1 :][processes.SOME.index(64)] == f"{seconds:.3g}"


@pytest.mark.parametrize(
    "arguments",
    [["scale", "--latency", "5"], ["scale", "--gflops", "0"], ["step", "--gflops", "5"], ["--latency", "5", "--bandwidth", "1"]],
)
def test_numbers_that_make_no_sense_are_refused(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        command.main(arguments)
    assert end.value.code == 2 and ("scale alone" in (said := capsys.readouterr().err) or "give both" in said)


@pytest.mark.slow
def test_processes_here_are_measured_beside_the_model(capsys):
    if reason := in_processes.missing():
        pytest.skip(reason)
    found = processes.check(Setup(threads=1, rounds=1, quick=True))
    assert 0 < found["latency"] < 1 and found["bandwidth"] > 1e6
    assert [row["model"] for row in found["rows"][::2]] == list(processes.CHECKED)
    assert [row["processes"] for row in found["rows"]] == [1, 2, 1, 2]
    for row in found["rows"]:
        assert row["measured"] > 0 and row["predicted"] > 0 and ("communicating" in row) == (row["processes"] > 1)


def test_larger_batches_keep_the_rest_of_a_preset():
    settings = {"data": "digits", "recipe": {"batch_size": 128, "lr": 4e-3, "epochs": 70}}
    found = batches.changed(settings, 4)
    assert found == {"data": "digits", "recipe": {"batch_size": 512, "lr": 16e-3, "epochs": 70}}
    assert settings["recipe"]["batch_size"] == 128
    line = batches.told(batches.row_of(found, [98.0, 97.04]))
    assert line == "batch  512, rate 0.016   98.0, 97.0   mean 97.5 %"


def test_measured_alone_it_leaves_the_chart_of_the_other_sections(monkeypatch, tmp_path):
    def section(setup):
        """a section"""
        return {"adding": 1e9, "jobs": {"B/16": vars(JOB)}, "networks": processes.NETWORKS, "here": None}

    monkeypatch.setattr(command, "RESULTS", tmp_path)
    monkeypatch.setitem(command.sections.SECTIONS, "scale", section)
    command.main(["scale"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["scale.png", "speed.json"]
