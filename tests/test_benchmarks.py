"""The measurements run: a tiny model, one step."""

import json
import math
import os
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import benchmarks
from benchmarks import __main__ as command
from benchmarks import accuracy, chart, devices, in_minivit, in_torch, machine, numpy_like, sections, single_ops, tables
from benchmarks.drawings.__main__ import answers, drawings, table
from benchmarks.measure import Setup, config_of, ratios, side_by_side
from benchmarks.products import multiply_adds
from benchmarks.sections import parts, steps
from lessons.classroom.trained import trained_vit
from minivit.backend import to_host
from minivit.training import load_config, model_config

from .support.plain import DEVICES

TINY = config_of(image=8, patch=4, dim=8, depth=1, heads=2, mlp_dim=12, batch=4)


def test_a_peer_runs_in_a_process_of_its_own_and_one_that_is_not_there_is_left_out_with_a_line(device):
    said, config = [], TINY | {"device": device}
    result = side_by_side(["minivit", "no such peer"], config, threads=1, rounds=2, steps=1, say=said.append)
    assert list(result) == ["minivit"]
    assert len(result["minivit"]["rounds"]) == 2 and result["minivit"]["seconds"] > 0
    assert result["minivit"]["memory"] > 0 or device == "cpu"  # of a process it may not have grown
    assert ratios(result) == {"minivit": (1.0, 1.0, 1.0)}
    assert len(said) == 1 and "no such peer" in said[0]


@pytest.mark.parametrize("name", single_ops.CASES)
def test_a_single_op_is_the_same_in_pytorch(name, device):
    """Gradients of the same length: however their axes lie."""
    ours = single_ops.minivit(name, TINY | {"device": device})()
    ours = [to_host(array) for array in (ours if isinstance(ours, tuple) else (ours,)) if array is not None]
    assert all(np.isfinite(array).all() for array in ours)
    pytest.importorskip("torch", reason="PyTorch is not installed")
    theirs = single_ops.torch(name, TINY)()
    for array, tensor in zip(ours, theirs, strict=True):
        assert array.size == tensor.numel() and np.linalg.norm(array) == pytest.approx(float(tensor.norm()), rel=1e-4)


@pytest.mark.parametrize("changes", [{}, steps.HYBRID, {"channels": 3}])
def test_every_peer_has_a_model_of_as_many_parameters(changes):
    config = config_of(**changes)
    count = in_minivit.model_of(config).num_parameters()
    assert sum(math.prod(shape) for shape in numpy_like.shapes(config).values()) == count
    pytest.importorskip("torch", reason="PyTorch is not installed")
    for channels_last in (False, True):
        assert sum(p.numel() for p in in_torch.model_of(config, channels_last).parameters()) == count


def test_the_hybrid_is_the_one_of_the_preset():
    data = SimpleNamespace(test_images=np.zeros((1, 28, 28, 1)), classes=range(10))
    preset = model_config(load_config("fashion-mini-conv")["model"], data)
    ours = in_minivit.model_of(config_of(**steps.HYBRID, gelu="exact")).config
    assert replace(ours, pos_embed_std=preset.pos_embed_std) == preset


@pytest.mark.skipif("gpu" in DEVICES, reason="there is a GPU")
def test_a_peer_whose_gpu_cannot_be_used_is_left_out_with_the_reason():
    said = []
    assert side_by_side(["minivit"], TINY | {"device": "gpu"}, threads=1, say=said.append) == {}
    assert len(said) == 1 and "no GPU is used" in said[0]


def test_attention_on_every_device_takes_memory_that_is_counted(device, capsys):
    found = parts.attention_memory(Setup(threads=1, rounds=1, device=device, quick=True))
    assert list(found) == ["32", "64", "128"] and found["128"] > found["64"] > found["32"] > 0


def test_the_products_are_counted_as_the_model_counts_them():
    """Forward once, and backward twice as much."""
    from minivit import ViTConfig

    config = ViTConfig(8, 4, 1, 10, dim=8, depth=1, heads=2, mlp_dim=12)
    assert multiply_adds(TINY) == 3 * 4 * config.multiply_adds()


def test_the_chart_is_drawn_whatever_was_measured(tmp_path):
    chart.draw({}, tmp_path / "speed.png")
    assert (tmp_path / "speed.png").stat().st_size > 0
    gpu = {"machine": {"gpu": "A GPU"}, "step": {"tanh": {"minivit": {"ms": 0.5}}}}
    gpu["growth"] = {"T": [{"size": size, "minivit": {"ms": size / 100}} for size in (65, 257)]}
    chart.draw(gpu, tmp_path / "speed-gpu.png")
    assert (tmp_path / "speed-gpu.png").stat().st_size > 0


def test_quick_sizes_are_small_and_still_make_a_model():
    for changes in ({}, steps.B16, steps.HYBRID, {"dim": 32, "mlp_dim": 128}):
        config = Setup(threads=1, rounds=1, quick=True).config(**changes)
        assert config["image"] % config["patch"] == 0 == config["dim"] % config["heads"]
        assert config["tokens"] < 12 and config["dim"] < 100 and config["batch"] <= 2


@pytest.mark.slow_of("small")
@pytest.mark.parametrize("name, found", [("hybrid", ["minivit"]), ("small", ["2", "5", "17"]), ("bare", ["minivit", "own loop"])])
def test_whole_steps_run_quickly(name, found, monkeypatch, capsys):
    """Without the other libraries, whose imports take seconds."""

    def ours(peers, *arguments, **options):
        return side_by_side([peer for peer in peers if peer in ("minivit", "own loop")], *arguments, **options)

    monkeypatch.setattr(steps, "side_by_side", ours)
    assert list(sections.SECTIONS[name](Setup(threads=1, rounds=1, quick=True))) == found


def test_attention_with_a_bias_is_timed_beside_that_without(capsys):
    (row,) = parts.bias_over_none(Setup(threads=1, rounds=2, quick=True))
    assert (row["tokens"], row["head_dim"]) == (8, 16) and row["ms"] > 0 and row["ms_with_bias"] > 0 and row["ratio"] > 0


def test_without_a_gpu_the_command_ends_with_the_reason(monkeypatch, capsys):
    monkeypatch.setattr(command, "gpu_status", lambda: (False, "no GPU is used: there is none"))
    with pytest.raises(SystemExit) as end:
        command.main(["step", "--device", "gpu"])
    assert end.value.code == 2 and capsys.readouterr().err == "no GPU is used: there is none\n"
    with pytest.raises(SystemExit) as end:
        command.main(["roofline", "--device", "gpu"])
    assert end.value.code == 2 and "roofline is measured on the CPU" in capsys.readouterr().err


def test_a_gpus_results_go_to_files_of_their_own_and_quick_ones_nowhere(monkeypatch, tmp_path):
    class AnyGPU:
        def about(self):
            return {"gpu": "A GPU", "cupy": "14", "cuda": "13.0"}

    asked = []
    monkeypatch.setattr(command, "gpu_status", lambda: (True, "GPU: A GPU"))
    monkeypatch.setattr(command, "CuPyGPU", AnyGPU)
    monkeypatch.setattr(command, "RESULTS", tmp_path)
    for name in sections.SECTIONS:

        def section(setup, name=name):
            """a section"""
            asked.append((name, setup.device))
            return {}

        monkeypatch.setitem(sections.SECTIONS, name, section)
    command.main(["--device", "gpu", "--quick"])
    assert asked == [(name, "gpu") for name in sections.ON_A_GPU] and not list(tmp_path.iterdir())
    command.main(["step", "--device", "gpu"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["speed-gpu.json", "speed-gpu.png"]
    assert json.loads((tmp_path / "speed-gpu.json").read_text())["A GPU"]["machine"]["gpu"] == "A GPU"


@pytest.mark.slow
def test_every_processor_keeps_its_own_figures(monkeypatch, tmp_path):
    monkeypatch.setattr(command, "RESULTS", tmp_path)

    def section(setup):
        """a section"""
        return {}

    for name in ("step", "ops"):
        monkeypatch.setitem(sections.SECTIONS, name, section)
    for processor, measured in (("One", ["step", "ops"]), ("Another", ["step"]), ("One", ["ops"])):
        monkeypatch.setattr(machine, "processor", lambda name=processor: name)
        command.main(measured)
    found = json.loads((tmp_path / "speed.json").read_text())
    kernels = machine.blas().partition(" of ")[0]
    assert {name: sorted(figures) for name, figures in found.items()} == {
        f"One, {kernels}": ["machine", "ops", "step"],
        f"Another, {kernels}": ["machine", "step"],
    }
    assert found[f"One, {kernels}"]["machine"]["processor"] == "One"


def test_kernels_chosen_by_hand_are_taken_off_before_numpy_is_imported():
    """Prescott's run on any x86-64 processor: no other is chosen there by itself."""

    def told(**environment):
        code = "import os, benchmarks, benchmarks.machine as m; print(benchmarks.TAKEN_OFF, *os.environ, m.blas(), sep=';')"
        names = {name: value for name, value in os.environ.items() if name not in benchmarks.KERNELS}
        done = subprocess.run([sys.executable, "-c", code], env=names | environment, capture_output=True, text=True, check=True)
        return done.stdout.split(";")

    plain, chosen = told(), told(OPENBLAS_CORETYPE="Prescott")
    assert plain[0] == "{}" and chosen[0] == "{'OPENBLAS_CORETYPE': 'Prescott'}"
    assert plain[1:] == chosen[1:]


def test_the_tables_of_readme_are_printed_of_every_processor_in_the_results(capsys):
    command.main(["--table"])
    printed = capsys.readouterr().out
    for name in json.loads((command.RESULTS / "speed.json").read_text(encoding="utf-8")):
        assert f"### {name}" in printed
    assert "| **minivit** | 128 ms | 1 | 138 ms | 1 | 98 MB |" in printed
    for block in printed.split("\n\n"):
        if block.startswith("|"):
            assert len({line.count("|") for line in block.splitlines()}) == 1


def test_a_table_of_every_section():
    peers = {"minivit": {"ms": 2, "ratio": [1, 1, 1], "mb": 1}, "PyTorch": {"ms": 123.4, "ratio": [3, 2, 4.5], "mb": 9.6}}
    found = {"machine": {"processor": "P", "blas": "B", "threads": 1, "measured": "today", "numpy": "2"}}
    found |= {"hybrid": peers, "bare": {"own loop": peers["PyTorch"]} | peers, "small": {"17": peers}}
    found["attention"] = {"bias": [{"tokens": 1025, "head_dim": 16, "ms": 12.34, "ms_with_bias": 13, "ratio": 1.0532}]}
    text = tables.markdown({"P": found})
    assert text.startswith("### P, B, 1 thread\n\nMeasured today with numpy 2.\n")
    assert text.count("| PyTorch | 123 ms | 3.00 (2.00 to 4.50) | 10 MB |") == 2
    assert "| training step, batch 8, 17 tokens | 2.00 ms | 123 ms | 3.00 (2.00 to 4.50) |" in text
    assert "| T 1,025, d 16 | 12.3 ms | 13.0 ms | 1.05 |" in text


def fake_torch(available):
    """As much of torch.cuda as is asked, on a device whose clock advances by 2 ms a step; `log` says what happened."""
    log = []

    class Event:
        def __init__(self, enable_timing):
            assert enable_timing

        def record(self):
            self.time = 2.0 * log.count("step")
            log.append("record")

        def synchronize(self):
            log.append("synchronize")

        def elapsed_time(self, later):
            return later.time - self.time

    cuda = SimpleNamespace(is_available=lambda: available, Event=Event)
    cuda.reset_peak_memory_stats, cuda.max_memory_allocated = (lambda: log.append("reset")), (lambda: 1000 * len(log))
    tf32 = SimpleNamespace(cuda=SimpleNamespace(matmul=SimpleNamespace(allow_tf32=True)), cudnn=SimpleNamespace(allow_tf32=True))
    return SimpleNamespace(__version__="2", cuda=cuda, backends=tf32, log=log)


def test_pytorch_on_a_gpu_is_timed_by_events_with_one_wait_and_without_tf32(monkeypatch):
    torch = fake_torch(available=True)
    monkeypatch.setitem(sys.modules, "torch", torch)
    gpu = devices.TorchGPU()
    assert not torch.backends.cuda.matmul.allow_tf32 and not torch.backends.cudnn.allow_tf32
    assert gpu.seconds(lambda: torch.log.append("step"), 3) == pytest.approx([0.002] * 3)
    assert torch.log == ["step", "record"] * 4 + ["synchronize"]
    torch.log.clear()
    assert gpu.peak(lambda: torch.log.append("step")) == 2000 and torch.log == ["reset", "step"]


def test_pytorch_without_a_gpu_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", fake_torch(available=False))
    with pytest.raises(RuntimeError, match="PyTorch 2 finds no GPU"):
        devices.TorchGPU()


@pytest.mark.slow
def test_the_kept_vit_reads_digits_drawn_by_a_hand_that_nothing_was_tuned_on():
    """A tenth of `python -m benchmarks.drawings --each 2`: every kind, two digits each."""
    cases = [case for i, case in enumerate(drawings("second", 1)) if i % 10 in (i // 10 % 10, (i // 10 + 5) % 10)]
    model, mean, std, *_ = trained_vit()
    about = {"data": "digits", "mean": [mean], "std": [std]}
    said, _ = answers(model, about, [picture for _, _, picture in cases])
    *kinds, (_, right, of) = table(cases, said)
    assert len(kinds) == 16 and of == 32 and right >= 27


@pytest.mark.slow
@pytest.mark.parametrize("hand", ["first", "second"])
def test_a_drawing_is_the_same_for_the_same_seed(hand):
    first, again = (drawings(hand, 1)[33][2].convert("RGBA").tobytes() for _ in range(2))
    assert first == again


def test_folds_find_the_temperature_and_seeds_only_measure():
    rng = np.random.default_rng(0)
    logits, labels = [2 * np.eye(3)[rng.integers(0, 3, 50)] for _ in range(2)], []
    labels = [one.argmax(axis=1) for one in logits]
    found = list(accuracy.calibration(logits, labels, 1.0, folds=2))
    assert found[0] == "the likelihood is best at temperature = 0.1 in the preset's [recipe]" and "0.0 points" in found[2]
    (measured,) = accuracy.calibration(logits, labels, 1.0, folds=None)
    assert measured.startswith("temperature 1: expected calibration error 21.")


def test_seeds_that_were_run_are_kept_when_the_next_one_is_stopped(tmp_path, monkeypatch):
    runs = iter([({"seed": 0, "accuracy": 90.0, "seconds": 2.0, "cpu_seconds": 3.5}, [{"epoch": 1}], None)])
    monkeypatch.setattr(accuracy, "one_run", lambda *arguments: next(runs))
    monkeypatch.setattr(accuracy, "RESULTS", tmp_path)
    monkeypatch.setattr("sys.argv", ["accuracy", "--config", "digits", "--seeds", "2"])
    with pytest.raises(StopIteration):
        accuracy.main()
    kept = json.loads((tmp_path / "accuracy-digits.json").read_text())
    assert (kept["mean"], [run["cpu_seconds"] for run in kept["runs"]]) == (90.0, [3.5])
    assert (tmp_path / "metrics-digits.csv").read_text() == "epoch\n1\n"
