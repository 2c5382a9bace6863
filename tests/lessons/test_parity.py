"""Lesson 14's last step: the learner's ViT beside PyTorch's modules, with the same weights."""

import sys

import pytest

from lessons.classroom import course
from lessons.classroom.checker import diagnose


@pytest.fixture
def names(tmp_path, monkeypatch):
    """What lesson 14's solution defines; `mine` is the course's own."""
    monkeypatch.setenv("MINIVIT_WORK", str(tmp_path))
    return diagnose.solution_names(course.find("14"))


def test_logits_and_all_gradients_are_pytorch_s(names):
    pytest.importorskip("torch", reason="PyTorch is not installed")
    logits, gradients = names["compare_with_pytorch"]()
    assert logits < 1e-13 and gradients < 1e-13


def test_a_wrong_part_would_show(names, monkeypatch):
    pytest.importorskip("torch", reason="PyTorch is not installed")
    mine, parts = names["mine"], names["vit_parts"]()

    def larger_eps(x, weight, bias):
        return mine.layernorm(x, weight, bias, 1e-3)

    wrong = (*parts[:3], mine.op(larger_eps), *parts[4:])
    monkeypatch.setitem(names["compare_with_pytorch"].__globals__, "vit_parts", lambda: wrong)
    assert min(names["compare_with_pytorch"]()) > 1e-6


def test_without_pytorch_it_is_left_out(names, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    assert names["compare_with_pytorch"]() is None
