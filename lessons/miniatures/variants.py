"""What was invented to make ViTs better, against the plain one: at equal epochs, and at equal CPU time.

The figure of a variant is the difference to the base with the same seed, in points of test accuracy: its mean over the seeds,
and that mean's standard error. All are trained by the base's recipe, on one thread, and read the test images once, at the end.

Equal epochs: as many as the base, however long they take. Equal time: as many as take no longer than the base's training does,
by the CPU time of a step, measured beside the base's (step_cpu_seconds); the learning rate falls to its end within them.

What the error bars do not know: that the test images are a sample too. And with this many variants, some are better than the
base by chance: of those that change nothing, one in nine lies beyond two standard errors of five seeds, one in six of three.
"""

import statistics

from . import difference_charts
from .runs import step_cpu_seconds, train_once

ALONE = {"pos_embed": "none"}
PARTS = {
    "what a token sees": {word: {"stem": word} for word in ("overlap", "t2t", "conv", "shifted", "progressive")},
    "relative positions, beside learned ones": {
        word: {"relative_pos": word} for word in ("relative", "irpe", "peg", "rope", "rope_mixed")
    },
    "the encoder": {
        "layer_scale 0.1": {"layer_scale": 0.1},
        "qk_norm": {"qk_norm": True},
        "swiglu": {"activation": "swiglu"},
        "lsa": {"lsa": True},
        "4 registers": {"registers": 4},
        "2 class_blocks": {"class_blocks": 2},
    },
    "what the head reads": {"mean of the tokens": {"pool": "mean"}, "sequence pooling": {"pool": "sequence"}},
    "without learned positions": {
        "no positions": ALONE,
        "sincos2d alone": {"pos_embed": "sincos2d"},
        **{f"{word} alone": ALONE | {"relative_pos": word} for word in ("relative", "irpe", "peg", "rope")},
    },
}
BASE, FINER = "base", "patches of 4"
CHANGES = {BASE: {}} | {name: changes for group in PARTS.values() for name, changes in group.items()} | {FINER: {}}
EPOCHS = {"digits": 30, "fashion-mini": 20}  # of the base
STEPS = {"digits": 12, "fashion-mini": 32}  # an epoch: 1,437 and 4,000 images in batches of 128
HALVING = ("conv", "progressive")  # stems for patches of 2, 4, 8, ... pixels


def changes(data, name):
    """Fields of the preset's model that a variant replaces, or None where there is no such variant. Of the clothes' patches of
    7 x 7 pixels two stems can make nothing; they have 4 x 4 there, and beside them stands what finer patches do by themselves."""
    if name in (*HALVING, FINER) and data == "fashion-mini":
        return CHANGES[name] | {"patch_size": 4}
    return None if name == FINER else CHANGES[name]


class Variants:
    """The study: its figure and table show differences, and half of its trainings depend on times that it measures."""

    name = "variants"
    question = "What do the improvements of ViT bring, at equal epochs and at equal time?"
    paper = "the sources that minivit/models names"
    parts, base, extra = PARTS, BASE, FINER
    whole = False
    epochs, budgets = EPOCHS, ("epochs", "time")

    def seeds(self, data, name):
        """3 where a training may take more than two minutes: with the finer patches; else 5."""
        return 3 if "patch_size" in changes(data, name) else 5

    def names(self, data):
        return [name for name in CHANGES if changes(data, name) is not None]

    def jobs(self):
        """(variant, "data set, budget", seed), the cheap ones first: digits before clothes; of each the times of a step, then
        seed by seed all variants with both budgets, so that what was run so far compares all of them. The base is its own equal
        in time."""
        found = []
        for data in self.epochs:
            names = self.names(data)
            found += [(name, f"{data}, step", 0) for name in names[1:]]
            for seed in range(5):
                of_seed = [name for name in names if seed < self.seeds(data, name)]
                found += [(name, f"{data}, epochs", seed) for name in of_seed]
                found += [(name, f"{data}, time", seed) for name in of_seed if name != BASE]
        return found

    def answer(self, results, name, x, seed):
        """Runs one training, or measures the time of a step, and keeps what came out of it."""
        data, what = x.split(", ")
        model, epochs = changes(data, name), self.epochs[data]
        if what == "step":
            base, own = step_cpu_seconds(data, [changes(data, BASE), model])
            found = {"base_step": round(base, 5), "step": round(own, 5), "epochs": max(1, int(epochs * base / own))}
        else:
            epochs = epochs if what == "epochs" else results.find(name, f"{data}, step", 0)["epochs"]
            found = train_once(data, seed, epochs * STEPS[data], model, threads=1)
        results.add(name, x, seed, found)

    def difference(self, results, name, data, budget):
        """(mean, standard error, number of seeds) of the variant less the base with the same seed; None if there are not two."""
        seeds = range(self.seeds(data, name)) if changes(data, name) is not None else ()
        pairs = [(results.find(name, f"{data}, {budget}", s), results.find(BASE, f"{data}, epochs", s)) for s in seeds]
        apart = [own["accuracy"] - base["accuracy"] for own, base in pairs if own and base]
        if len(apart) < 2:
            return None
        return statistics.mean(apart), statistics.stdev(apart) / len(apart) ** 0.5, len(apart)

    def figure(self, results):
        return difference_charts.figure(self, results)

    def table(self, results):
        return difference_charts.table(self, results)
