"""One batch over several processes: the same numbers whatever their number."""

import ast
import inspect
import json
import re

import pytest

from minivit.training import distributed, gpus
from minivit.training.distributed import Processes

from ..support.plain import DEVICES
from ..support.several import all_outcomes, ended, mpiexec, needs_mpi


def one_of(size, rank):
    """A process that cannot talk to the others."""
    process = object.__new__(Processes)
    process.rank, process.size = rank, size
    return process


@pytest.mark.parametrize("size", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("count", [1, 2, 3, 5, 12])
def test_shares_are_in_order_whole_and_as_even_as_can_be(size, count):
    shares = [one_of(size, rank).share(list(range(count))) for rank in range(size)]
    assert [item for share in shares for item in share] == list(range(count))
    assert shares[0] and max(map(len, shares)) - min(map(len, shares)) <= 1


PICKLING = (
    "send recv isend irecv bsend ssend sendrecv bcast gather allgather scatter reduce allreduce scan exscan alltoall mprobe"
)


@pytest.mark.parametrize("module", [distributed, gpus])
def test_numbers_travel_as_buffers_and_nothing_as_a_pickle(module):
    tree = ast.parse(inspect.getsource(module))
    called = {node.func.attr for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)}
    handed_on = {
        node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and ast.unparse(node.value).endswith("comm")
    }
    assert not (called | handed_on) & set(PICKLING.split())
    assert {"Get_rank", "Bcast", "Recv"} <= called | handed_on or module is gpus
    assert "pickle" not in {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}


@pytest.fixture(scope="module")
def alone():
    return json.loads(json.dumps(all_outcomes(2)))


@needs_mpi
@pytest.mark.parametrize("count", [2, 3])
def test_the_bits_are_the_same_for_any_number_of_processes(count, alone):
    code, out, err = ended(mpiexec(count, "compute"))
    assert code == 0, err
    several = json.loads(out)
    for name, outcome in alone.items():
        assert several[name] == outcome, name


@needs_mpi
@pytest.mark.parametrize(
    "count, culprit, sentence",
    [
        (3, 1, "process 1 on .* had other weights after epoch 2 than the rest"),
        (3, 0, "process 0 on .* had other weights after epoch 2 than the rest"),
        (2, 1, "process 1 on .* than process 0 on"),
    ],
)
def test_a_process_with_other_numbers_is_named_at_the_end_of_the_epoch(count, culprit, sentence):
    code, out, err = ended(mpiexec(count, "other numbers", culprit))
    assert code == 0, err
    assert re.search(sentence, out)


@needs_mpi
def test_the_fast_sum_is_another_in_the_last_digits():
    code, out, err = ended(mpiexec(3, "fast"))
    assert code == 0, err
    apart, told = json.loads(out)
    assert 0 < apart < 1e-3
    assert told["sum"] == "fast" and told["processes"] == 3 and sum(told["machines"].values()) == 3
    assert list(told["seconds_an_epoch"]) == ["computing", "waiting", "communicating"]
    assert all(seconds > 0 for seconds in told["seconds_an_epoch"].values())


@needs_mpi
@pytest.mark.skipif("gpu" not in DEVICES, reason="no GPU, nor CuPy executing on a CPU")
@pytest.mark.parametrize("by_nccl", [0, 1])
def test_gpus_sum_through_the_host_or_where_each_has_one_by_nccl(by_nccl):
    code, out, err = ended(mpiexec(2, "gpu", by_nccl))
    assert code == 0, err
    apart, served, steps = json.loads(out)
    assert apart < 1e-3  # AdamW makes much of a last digit where a gradient is almost 0
    assert served == by_nccl * steps
