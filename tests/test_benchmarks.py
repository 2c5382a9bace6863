"""The measurements run: a tiny model, one step."""

from benchmarks import chart, single_ops
from benchmarks.measure import config_of, ratios, side_by_side
from benchmarks.sections import product_multiply_adds

TINY = config_of(image=8, patch=4, dim=8, depth=1, heads=2, mlp_dim=12, batch=4)


def test_a_peer_runs_in_a_process_of_its_own_and_one_that_is_not_there_is_left_out_with_a_line():
    said = []
    result = side_by_side(["minivit", "no such peer"], TINY, threads=1, rounds=2, steps=1, say=said.append)
    assert list(result) == ["minivit"]
    assert len(result["minivit"]["rounds"]) == 2
    assert ratios(result) == {"minivit": (1.0, 1.0, 1.0)}
    assert len(said) == 1 and "no such peer" in said[0]


def test_every_single_op_runs():
    for name in ("patch_embed", "layernorm", "attention", "gelu_tanh", "gelu_exact", "cross_entropy"):
        assert single_ops.minivit(name, TINY)() is not None


def test_the_products_are_counted_as_the_model_counts_them():
    """Forward once, and backward twice as much."""
    from minivit import ViTConfig

    config = ViTConfig(8, 4, 1, 10, dim=8, depth=1, heads=2, mlp_dim=12)
    assert product_multiply_adds(TINY) == 3 * 4 * config.multiply_adds()


def test_the_chart_is_drawn_whatever_was_measured(tmp_path):
    chart.draw({}, tmp_path / "speed.png")
    assert (tmp_path / "speed.png").stat().st_size > 0
