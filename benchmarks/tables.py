"""The tables of README, from the figures in benchmarks/results: python -m benchmarks --table"""

from . import scaling
from .machine import full_name
from .sections.parts import MOST_WITH_BIAS
from .sections.processes import jobs, links

MANY = 256  # processes


def markdown(results):
    """Of {name of a machine: its figures}, text: for each of them a heading and a table for every section that was measured."""
    return "\n\n".join(part for found in results.values() for part in _of_one_machine(found))


def _of_one_machine(found):
    machine = found["machine"]
    libraries = ", ".join(f"{name} {machine[name]}" for name in ("numpy", "torch", "jax") if name in machine)
    note = f"; {machine['note']}" if "note" in machine else ""
    yield f"### {full_name(machine)}\n\nMeasured {machine['measured']} with {libraries}{note}."
    makers = {"step": _step, "hybrid": _peers, "bare": _peers, "ops": _ops}
    titles = {"step": "Reference step", "hybrid": "Hybrid", "bare": "A loop of one's own", "ops": "Ops"}
    for name, make in makers.items():
        if found.get(name):
            yield f"{titles[name]}:\n\n{make(found[name])}"
    also = list(_also(found))
    if also:
        yield "Also:\n\n" + _table(("", "minivit", "PyTorch", "ratio"), also)
    rows = found.get("attention", {}).get("bias")
    if rows:
        yield f"Attention with a bias (to take at most {MOST_WITH_BIAS} times the time):\n\n" + _bias(rows)
    if found.get("scale"):
        yield "Many processes, by a model of their time:\n\n" + plan(found["scale"])
        if here := found["scale"]["here"]:
            yield f"Several processes on {here['cores']} cores (load {here['load']}):\n\n" + processes(here["rows"])


def _table(head, rows):
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _ms(value):
    return f"{value:.{0 if value >= 100 else 1 if value >= 10 else 2}f} ms"


def _ratio(three):
    middle, low, high = three
    return "1" if middle == low == high == 1 else f"{middle:.2f} ({low:.2f} to {high:.2f})"


def _ranked(peers):
    """Their names, minivit first, then the fastest."""
    return sorted(peers, key=lambda peer: (peer != "minivit", peers[peer]["ms"]))


def _bold(peer):
    return "**minivit**" if peer == "minivit" else peer


def _step(found):
    rows = []
    for peer in _ranked(found["tanh"]):
        forms = [found[gelu].get(peer) for gelu in ("tanh", "exact")]
        figures = [text for one in forms for text in ((_ms(one["ms"]), _ratio(one["ratio"])) if one else ("", ""))]
        rows.append((_bold(peer), *figures, f"{forms[0]['mb']:.0f} MB"))
    return _table(("", "tanh GELU", "ratio", "exact GELU", "ratio", "peak memory"), rows)


def _peers(found):
    rows = [(_bold(p), _ms(found[p]["ms"]), _ratio(found[p]["ratio"]), f"{found[p]['mb']:.0f} MB") for p in _ranked(found)]
    return _table(("", "time", "ratio", "peak memory"), rows)


def _ops(found):
    rows = [(op, _ms(one["minivit_ms"]), _ms(one["pytorch_ms"]), f"{one['ratio']:.2f}") for op, one in found.items()]
    return _table(("", "minivit", "PyTorch", "ratio"), rows)


def _bias(rows):
    figures = [(f"T {r['tokens']:,}, d {r['head_dim']}", _ms(r["ms"]), _ms(r["ms_with_bias"]), f"{r['ratio']:.2f}") for r in rows]
    return _table(("", "without", "with", "ratio"), figures)


def plan(found):
    """A row a model, a column a network."""
    networks = links(found)
    lines = []
    for name, job in jobs(found).items():
        both = [
            [scaling.speed_up(job, link, MANY, job.batch, way) for way in ("ordered", "halving")] for link in networks.values()
        ]
        texts = [" / ".join(f"{times:.{1 if times < 10 else 0}f}" for times in pair) for pair in both]
        lines.append((f"{name}, batch {job.batch:,}", *texts))
    head = f"{MANY} processes: times as fast as one, ordered / Allreduce"
    return _table((head, *networks), lines)


def processes(rows):
    """A row a model and a way to sum, a column a number of processes."""
    counts = sorted({row["processes"] for row in rows})
    cells = {(row["model"], row["sum"], row["processes"]): row for row in rows}
    lines = []
    for what in dict.fromkeys((row["model"], row["sum"]) for row in rows):
        found = [cells.get((*what, count)) for count in counts]
        texts = [f"{row['predicted']:,.0f} / {row['measured']:,.0f}" if row else "" for row in found]
        lines.append((", ".join(what), *texts))
    return _table(("ms a step, model / measured", *(f"{count} process{'es' * (count > 1)}" for count in counts)), lines)


def _also(found):
    def both(peers, text, ratio=True):
        theirs = peers.get("PyTorch")
        said = _ratio(theirs["ratio"]) if theirs and ratio else ""
        return text("minivit", peers["minivit"]), text("PyTorch", theirs) if theirs else "", said

    for batch, peers in found.get("inference", {}).items():
        yield f"B/16 inference, 224 x 224, batch {batch}", *both(peers, lambda _, one: f"{one['images_per_second']:.1f} images/s")
    for tokens, peers in found.get("small", {}).items():
        yield f"training step, batch 8, {tokens} tokens", *both(peers, lambda _, one: _ms(one["ms"]))
    for what, name in (("T", "tokens"), ("D", "wide")):
        if what in found.get("growth", {}):
            *_, before, last = found["growth"][what]

            def with_exponent(_, one):
                return f"{_ms(one['ms'])}, p = {one['exponents']['ms']:.2f}"

            label = f"training step at {last['size']:,} {name} (growth from {before['size']}: time ~ {what}^p)"
            yield label, *both(last, with_exponent, ratio=False)
    start = found.get("start", {})
    if start:
        times = [start.get(f"import {name}") for name in ("minivit", "torch")]
        yield "import", *(f"{seconds:.2f} s" if seconds else "" for seconds in times), ""
    digits = found.get("digits", {})
    if digits.get("seconds_to_97"):
        yield "digits to 97 % of test accuracy", f"{digits['seconds_to_97']} s ({digits['epochs_to_97']} epochs)", "", ""
