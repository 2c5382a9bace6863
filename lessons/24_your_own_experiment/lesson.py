# %% [markdown]
# # 24 · Your own experiment
#
# You have an idea: another activation, a class token less, smaller patches. You train once with it and once without,
# and it reads two points more. **Is your idea good, or were you lucky?**
#
# ![Thirty runs that differ in the seed alone; four kinds of positions; their paired differences](expected.png)
#
# Look at the left of the picture. These are thirty trainings of one and the same model, with one and the same recipe.
# Nothing differs but the seed, the number from which random weights, the order of the images and their shifts are
# drawn. The worst reads 87.2 % of the digits, the best 93.3 %. Whoever takes two of them by chance will be
# 1.8 points apart on average, and can publish a new idea every day.
#
# In this lesson you write the tools of an honest experiment, some three to five lines each: equal conditions, a mean
# and how far off it may be, pairs, a verdict that is allowed to say "cannot tell", and test images that are read
# once. Then you ask a question of your own, and get a page with the answer.

# %%
import math
import sys

from lessons.experiments import add_record, draw, kept, page, records, test, train

# %% [markdown]
# ## An experiment is a dictionary
#
# Before anything is trained, the experiment is written down. Here is the model that all experiments of this lesson
# begin with, small enough for a training in three or four seconds, and three plans.
#
# - `"question"`: one sentence with a question mark. What does not fit into one is two experiments.
# - `"expected"`: what you think will come out. Written *before*, for afterwards everybody has always known it.
# - `"base"`: all settings that the variants share, fields of `ViTConfig` and of `Recipe` in one dictionary.
# - `"variants"`: a name for each, and what it changes in the base. The first one is the **baseline**, with which the
#   others are compared. One idea changes, nothing else.
# - `"budget"`: what every training may use up, once for all.
# - `"seeds"`: the same list for every variant.


# %%
TINY = {
    "data": "digits",
    "patch_size": 2,
    "dim": 32,
    "depth": 2,
    "heads": 4,
    "mlp_dim": 64,
    "pos_embed_std": 0.7,
    "batch_size": 128,
    "lr": 4e-3,
    "label_smoothing": 0.1,
    "shift": 1,
}

IDEAS = {
    "positions": {
        "question": "Does a tiny ViT have to be told where a patch was?",
        "expected": "As in the paper, table 8: without positions 3 points are lost, and it does not matter which they are.",
        "base": TINY,
        "variants": {
            "none": {"pos_embed": "none"},
            "learned": {"pos_embed": "learned"},
            "sin-cos": {"pos_embed": "sincos2d"},
            "relative": {"pos_embed": "none", "relative_pos": "relative"},
        },
        "budget": {"epochs": 30},
        "seeds": [0, 1, 2, 3, 4],
    },
    "pooling": {
        "question": "Is it better to read the mean of all tokens than a class token?",
        "expected": "No difference: the paper found none, once each had a learning rate that suits it (appendix D.3).",
        "base": TINY,
        "variants": {"class token": {"pool": "cls"}, "mean": {"pool": "mean"}},
        "budget": {"epochs": 30},
        "seeds": [0, 1, 2, 3, 4, 5, 6, 7],
    },
    "patches": {
        "question": "In the same time, are small patches better than large ones?",
        "expected": "In the paper they read better and cost more. With the cost paid in epochs, the middle size should win.",
        "base": TINY,
        "variants": {"2 x 2": {"patch_size": 2}, "1 x 1": {"patch_size": 1}, "4 x 4": {"patch_size": 4}},
        "budget": {"seconds": 3.0},
        "seeds": [0, 1, 2, 3, 4],
    },
}


# %% [markdown]
# ## Everything equal but one thing
#
# If variant B was trained for 40 epochs and A for 30, you have measured 10 epochs. This sounds too silly to happen,
# and it happens all the time: the new idea gets the longer training, or a second chance after a bad start. So one
# function runs everything, and treats nobody better than others. For every variant and every seed it calls
#
#     train(settings, seed, budget)      gives a Run: .seed, .validation (per cent), .epochs, .seconds, .model
#
# with `settings` the base and the variant's changes over it. The images that count are set aside from the training
# images, three in ten, drawn once and the same for all: the **validation** images. The test images stay in their
# drawer.
#
# **What is an equal budget?** With `{"epochs": 30}` every variant sees every image thirty times. That is fair if a
# step costs all of them about the same. Patches of 1 x 1 instead of 2 x 2 make four times as many tokens, and an
# epoch takes four times as long: with the same epochs one variant gets four times the electricity.
# With `{"seconds": 3.0}` all get the same time of the processor, and the slow one fewer epochs. Both are honest answers
# to different questions, "what does an epoch bring?" and "what does an hour bring?". Say which, before. (The time of
# an epoch is measured once for each variant, so that all its seeds get the same number.)
#
# **The same seeds for all.** Then nobody has the luckier ones, and the scores can be compared pair by pair further
# down. And each seed once: whoever trains again because the first result was bad has measured his patience.
#
# **Equal is not always fair.** A learning rate that was searched for with A may suit B badly (lesson 10 has such a
# case). One number that suits both is a good base; where there is none, search for each with equal effort, in an
# experiment before this one.


# %%
def run_all(plan, train):
    """{variant: [a Run for each seed]}: every variant of the plan trained with every seed, all with the same budget.

    train(settings, seed, budget) makes one training and gives its Run.
    """
    # BEGIN SOLUTION: runs
    runs = {}
    for name, changes in plan["variants"].items():
        settings = plan["base"] | changes
        runs[name] = [train(settings, seed, plan["budget"]) for seed in plan["seeds"]]
    # END SOLUTION
    return runs


# %% [markdown]
# ## The mean, and how far off it may be
#
# Say the scores of $n$ seeds are $s_1, \dots, s_n$. Each is the true score $\mu$ of this variant, which one would see
# as the mean of endlessly many seeds, and something random on top. How large that is, on average, says the *variance*
# $\sigma^2$, the mean of $(s_i - \mu)^2$; its root $\sigma$ is the *standard deviation*. The best guess at $\mu$ is
# the mean
#
# $$
# m = \frac{1}{n} \sum_i s_i
# $$
#
# and not the best of the scores: that one grows with the number of seeds, for a variant that stays as it is.
#
# **How far off is $m$?** Variances of independent numbers add up: in $(x + y)^2 = x^2 + y^2 + 2 x y$ the mixed term
# is as often negative as positive, and 0 on average. So the sum of $n$ scores has the variance $n \sigma^2$. Dividing
# a number by $n$ divides its squares by $n^2$. So the mean has the variance $n \sigma^2 / n^2 = \sigma^2 / n$, and
# its root is the **standard error** of the mean:
#
# $$
# \text{error} = \frac{\sigma}{\sqrt{n}}
# $$
#
# Two numbers with a ± that are confused more than any others. The *standard deviation* says how far single seeds lie
# apart; with more seeds it stays what it is. The *standard error* says how far off their mean may be; with four times
# as many seeds it is half as large. On the left of the picture the wide band is the first, ± 1.6 points, and the
# narrow one the second, ± 0.3.
#
# **Why $n - 1$?** We do not know $\sigma$, and have to guess it from the same scores. The distances from $\mu$ we do
# not know either, only those from $m$; and those are smaller, because $m$ was made to lie in the middle of just these
# scores. By how much? Write $s_i - m = (s_i - \mu) - (m - \mu)$, square, and sum over $i$:
#
# $$
# \sum_i (s_i - m)^2 = \sum_i (s_i - \mu)^2 - 2 (m - \mu) \sum_i (s_i - \mu) + n (m - \mu)^2
# $$
#
# The sum in the middle is $n (m - \mu)$, so the last two terms make $- n (m - \mu)^2$ together. On average the first
# term is $n \sigma^2$, and $(m - \mu)^2$ is the variance of the mean, $\sigma^2 / n$. What is left is
# $n \sigma^2 - \sigma^2 = (n - 1) \sigma^2$. Therefore divide by $n - 1$, and the guess is right on average:
#
# $$
# \sigma^2 \approx \frac{1}{n - 1} \sum_i (s_i - m)^2
# $$
#
# (LayerNorm divides by $D$: there nothing is guessed, lesson 08.)
#
# **By hand.** Scores 90, 92, 94. The mean is 92, the distances −2, 0, 2, their squares add up to 8. The variance is
# 8 / 2 = 4, the standard deviation 2, the standard error 2 / √3 = 1.15.


# %%
def mean_and_error(scores):
    """(mean, standard error of the mean) of a list of two or more numbers."""
    # BEGIN SOLUTION: mean, error
    count = len(scores)
    mean = sum(scores) / count
    variance = sum((score - mean) ** 2 for score in scores) / (count - 1)
    error = math.sqrt(variance / count)
    # END SOLUTION
    return mean, error


# %% [markdown]
# ## Seed by seed
#
# Seed 3 gives all variants the same order of the images and the same shifts, and, as far as they draw the same
# numbers, the same first weights. If it is a lucky seed for A, it may well be one for B. So do not take the mean of A
# and the mean of B and add up two errors. Take the difference $d_i = b_i - a_i$ for each seed: what both share is
# gone from it. How much that is worth, one square shows. How far $d$ lies from its own true value is $y - x$, where
# $x$ is what luck did to A, and $y$ what it did to B. On average over many seeds,
#
# $$
# (y - x)^2 = x^2 + y^2 - 2 x y
# $$
#
# The first two terms are the two variances. The last one is 0 on average if A and B have their luck independently, and
# positive if good seeds are good for both: then the differences have less noise than anything else you could look at.
# They are a list of $n$ numbers, and you know what to do with such a list.
#
# **By hand.** Four seeds:
#
#     seed                 0      1      2      3      mean    standard error
#     A                   90     92     94     92       92         0.82
#     B                   91     93.5   94.5   93       93         0.74
#     B − A                1      1.5    0.5    1        1         0.20
#
# Without pairs, the error of the difference would be √(0.82² + 0.74²) = 1.10, larger than the difference itself:
# nothing to be seen. With pairs it is 0.20: B was better with every single seed.
#
# Pairs cost next to nothing where the seeds have nothing in common: then the error comes out about as without them.
# Only do not sort the scores "to see them better". It pairs the best seed of A with the best of B, makes differences
# alike that were not, and the error far too small.


# %%
def paired_difference(baseline, variant):
    """(mean, standard error) of how much better the variant is, seed by seed. Two lists; the i-th of both has the same seed."""
    # BEGIN SOLUTION: difference, error
    differences = [b - a for a, b in zip(baseline, variant, strict=True)]
    difference, error = mean_and_error(differences)
    # END SOLUTION
    return difference, error


# %% [markdown]
# ## Larger than the noise?
#
# Suppose there is *no* difference between A and B. Then $d$ comes out somewhere around 0, and how far it may stray
# says its standard error. So measure $d$ in standard errors, $t = d / \text{error}$. With very many seeds, $t$ lies
# between −1.96 and 1.96 in 95 of 100 such experiments.
#
# With few seeds that is not enough. The error itself is a guess from three or five numbers, and now and then they lie
# close together by chance: then the error is much too small, and $t$ huge. How far $t$ strays, this included, William
# Gosset worked out in 1908, as a brewer at Guinness who had to judge barley by a few samples, and published it as
# "Student". The table `T95` holds his numbers: with 3 seeds it takes 4.30 standard errors, with 5 seeds 2.78, with 20
# seeds 2.09.
#
# So the **margin** is T95 times the standard error, and $d \pm$ margin is the *95 % interval*. The verdict:
#
#     d is larger than the margin           "better"
#     d is smaller than minus the margin    "worse"
#     everything else                       "cannot tell"
#
# "Cannot tell" does not mean "equal". It means: the difference may be anything inside the interval, 0 included. That
# is a result as well, for it rules out all that lies outside. If you need to know more, you need more seeds, four
# times as many for half the margin. What you must not do is add seeds one by one until it says "better": sooner or
# later it will.
#
# In the example by hand, $d = 1$, the error 0.20, the margin 3.18 · 0.20 = 0.65: better. Without pairs it would have
# been 3.18 · 1.10 = 3.5: cannot tell.

# %%
# For n seeds: how many standard errors a mean strays from 0 at most, in 95 of 100 experiments in which there is nothing.
T95 = {2: 12.71, 3: 4.30, 4: 3.18, 5: 2.78, 6: 2.57, 7: 2.45, 8: 2.36, 9: 2.31, 10: 2.26}
T95 |= {11: 2.23, 12: 2.20, 13: 2.18, 14: 2.16, 15: 2.14, 16: 2.13, 17: 2.12, 18: 2.11, 19: 2.10, 20: 2.09}


def verdict(baseline, variant):
    """ "better", "worse" or "cannot tell": is the variant's paired difference larger than T95 standard errors of it?"""
    # BEGIN SOLUTION: answer
    difference, error = paired_difference(baseline, variant)
    margin = T95[len(baseline)] * error
    answer = "cannot tell"
    if abs(difference) > margin:
        answer = "better" if difference > 0 else "worse"
    # END SOLUTION
    return answer


# %% [markdown]
# ## The test images, once
#
# In the end you want to say: "my model reads so many per cent". Of which images? Not of the validation images, if by
# them you have chosen. The largest of four noisy means is the largest partly because it was lucky, and the luck does
# not come along to new images. Its score is too good.
#
# That is what the test images are for. They have chosen nothing, so nothing has been lucky with them. But that holds
# once. Whoever reads the test images for all variants and takes the best has turned them into validation images, and
# has none left. So:
#
# 1. choose the variant with the best mean on the *validation* images,
# 2. then, and for this variant alone, read the test images with all its Runs, the unlucky ones too,
# 3. tell mean and standard error.
#
# `test` takes the list of all Runs of one variant and gives the list of their scores. Call it once.


# %%
def final_score(runs, test):
    """(variant, mean, standard error): the variant with the best mean validation accuracy, and how its runs read the test images.

    runs: what run_all gives. test(list of Runs) gives [per cent of the test images], one for each Run.
    """
    # BEGIN SOLUTION: chosen, mean, error
    means = {name: mean_and_error([run.validation for run in runs[name]])[0] for name in runs}
    chosen = max(means, key=means.get)
    mean, error = mean_and_error(test(runs[chosen]))
    # END SOLUTION
    return chosen, mean, error


# %% [markdown]
# `python -m lessons check 24` tells you how far you are, and `python -m lessons hint 24` gives a nudge.
#
# ## What comes out
#
# The rest is given: a table in which every number comes from your functions, and an experiment from the plan to the
# page. `python work/24_your_own_experiment.py positions` runs the first plan in a minute or two and writes
# `work/24_positions.html`, one file with question, expectation, verdict, figure and table. All that came out is kept
# in `work/24_results.json` as well, and the page says how many experiments of yours have read the test images by now.


# %%
def summary(record):
    """[a dictionary for each variant]: what stands in the table and in the figure, all of it made by your functions."""
    (first, baseline), *others = record["scores"].items()
    mean, error = mean_and_error(baseline)
    rows = [{"name": first, "mean": mean, "error": error, "difference": 0.0, "margin": 0.0, "verdict": ""}]
    for name, scores in others:
        mean, error = mean_and_error(scores)
        difference, its_error = paired_difference(baseline, scores)
        row = {"name": name, "mean": mean, "error": error, "difference": difference}
        rows.append(row | {"margin": T95[len(scores)] * its_error, "verdict": verdict(baseline, scores)})
    return rows


def experiment(name, plan, folder):
    """Runs a plan, adds what came out to 24_results.json in the folder, and writes its page there. Returns the page's path."""
    from tqdm import tqdm

    with tqdm(total=len(plan["variants"]) * len(plan["seeds"]), desc=name, unit=" trainings", leave=False, disable=None) as bar:

        def train_and_count(settings, seed, budget):
            run = train(settings, seed, budget)
            bar.update()
            return run

        runs = run_all(plan, train_and_count)
    record = {"name": name, "plan": plan | {"seeds": list(plan["seeds"])}, "scores": {}, "cost": {}}
    for variant, done in runs.items():
        record["scores"][variant] = [run.validation for run in done]
        seconds = sum(run.seconds for run in done) / len(done)
        record["cost"][variant] = {"epochs": done[0].epochs, "seconds": round(seconds, 2), "parameters": done[0].parameters}
    chosen, mean, error = final_score(runs, test)
    record["test"] = [chosen, round(float(mean), 4), round(float(error), 4)]
    add_record(folder / "24_results.json", record)
    target = folder / f"24_{name}.html"
    target.write_text(page(record, summary(record), len(records(folder / "24_results.json"))), encoding="utf-8")
    return target


# %% [markdown]
# ## One that is done: positions
#
# This is what the course's solution found, with five seeds and 30 epochs each; in the picture it is in the middle and
# on the right. Accuracy of the validation images, mean ± standard error; the difference from the baseline with its margin of
# 95 %:
#
#     variant      accuracy       difference      verdict
#     none         40.2 ± 1.0                     baseline
#     learned      90.4 ± 1.0     +50.2 ± 4.7     better
#     sin-cos      76.2 ± 1.2     +36.0 ± 3.7     better
#     relative     45.3 ± 1.6     +5.1 ± 4.6      better
#
# **Expected, and found.** The paper loses 3 points without positions; this small model loses 50, in 240 steps. It
# matters a lot which they are, too: learned ones with a large start are far ahead of sines and cosines, as in lesson
# 10, where you can also see how the distance shrinks with more steps. The expectation was wrong twice, and good that
# it was written down.
#
# The last line asks for care. Relative positions (of each pair of tokens a head learns how much it cares for such a
# distance) are better by 5.1 points, but the interval begins at 0.5. Three comparisons were made here with 95 % each.
# Of the first two nobody needs to be convinced; on the third one I would not bet much before it is run again, with
# ten other seeds.
#
# Did the pairs help? Not here: without them the error of the first difference would be √(1.0² + 1.0²) = 1.4, with
# them it is 4.7 / 2.78 = 1.7. Seeds that are good for a ViT with positions are not the good ones for one without.
# They did no harm either, beyond what chance does with five numbers.
#
# The test images were read once, at the end, for the five runs of "learned": 90.0 ± 1.2 %.
#
# **What one seed would have said.** The second plan asks for a class token or the mean, with eight seeds. Seed 5 says
# that the mean is better, by 3.2 points. Seeds 1 and 2 say that it is worse, by 1.85. All eight say −0.8 ± 1.7:
# cannot tell.
#
# **What equal time says.** In the third plan every training gets three seconds of the processor:
#
#     variant    accuracy       difference       verdict      epochs
#     2 x 2      88.4 ± 1.9                      baseline     26
#     1 x 1      38.5 ± 4.2     −50.0 ± 10.7     worse         6
#     4 x 4      95.9 ± 0.5     +7.5 ± 4.9       better       66
#
# In the paper smaller patches read better, each size trained for as many epochs. In equal time the smallest come last
# here, with 6 epochs against 66: not because they are bad, but because they are not done yet. "Which patch is best?" has
# no answer without a budget. (Had the third plan said 30 epochs for all, the checker would have refused it: an image
# costs 1 x 1 eighteen times as much as 4 x 4.)

# %% [markdown]
# ## Your question
#
# Now yours. Take something that you have wondered about in this course, and that a setting can change: `activation`
# ("gelu", "gelu_tanh", "swiglu"), `layer_scale` (0.1), `registers` (4), `pos_embed_std`, `relative_pos` ("rope",
# "peg"), `stem` ("shifted", "overlap"), `pool`, `dropout`; or of the recipe `lr`, `warmup`, `shift`,
# `label_smoothing`, `weight_decay`, `batch_size`. Two variants and five seeds are a good beginning, the baseline first.
# Write down what you expect, check the plan, and then run `python work/24_your_own_experiment.py mine`. It makes ten trainings of
# some three or four seconds each, then writes `work/24_mine.html`. Open that page in a browser.
#
# If a variant costs far more in every step, as more blocks or smaller patches do, the checker will ask you for a
# budget in seconds. Smaller differences of cost stand in the table of your page, as seconds a run: say so if they are not
# alike. If you are curious about larger images, take `"base": TINY | {"data": "fashion-mini", "patch_size": 7}`, pictures of
# clothes; a training then takes some ten seconds.


# %%
def plan():
    """Your own: a dictionary like those in IDEAS. The first variant is what the others are compared with."""
    # BEGIN SOLUTION: fill in what is empty, and change what you like
    yours = {
        "question": "Does the learning rate have to begin small?",
        "expected": "A little: without a warm-up the first steps are wild, and one point is lost.",
        "base": TINY,
        "variants": {"warm-up": {"warmup": 0.05}, "no warm-up": {"warmup": 0.0}},
        "budget": {"epochs": 30},
        "seeds": [0, 1, 2, 3, 4],
    }
    # INSTEAD
    # yours = {
    #     "question": "",  # one sentence with a question mark
    #     "expected": "",  # another one, before you run it
    #     "base": TINY,
    #     "variants": {},  # each a name and what it changes, like {"gelu": {}, "gate": {"activation": "swiglu"}}
    #     "budget": {"epochs": 30},
    #     "seeds": [],
    # }
    # END SOLUTION
    return yours


# %%
def picture():
    """Thirty seeds of one model, with deviation and error; the kept experiment on positions, with your means and verdicts."""
    from matplotlib.figure import Figure

    from lessons.figures import BLUE, GREY

    scores, record = kept("same")["scores"]["the same"], kept("positions")
    mean, error = mean_and_error(scores)
    deviation = error * math.sqrt(len(scores))
    made = Figure(figsize=(12, 3.9), layout="constrained")
    seeds, left, right = made.subplots(1, 3, width_ratios=(4, 4, 4))
    seeds.axhspan(mean - deviation, mean + deviation, color=GREY, alpha=0.2, label="± standard deviation")
    seeds.axhspan(mean - error, mean + error, color=BLUE, alpha=0.4, label="± standard error")
    seeds.plot(range(len(scores)), scores, "o", color="black", markersize=4)
    seeds.set(title="one model, 30 seeds", xlabel="seed", ylabel="validation accuracy, %", ylim=(min(scores) - 4, None))
    seeds.legend(frameon=False, loc="lower center", ncols=2, fontsize="small")
    draw(left, right, record, summary(record))
    return made


# %% [markdown]
# ## Look at it
#
# `python -m lessons demo 24` is a lottery. It draws two groups of seeds from the thirty runs on the left, so there is
# nothing to find, and asks five judges whether one group is better: one who looks at a single seed, one who takes the
# best of all, one who compares means, one with two standard errors, and your rule. Let it run, and count who cries
# wolf.
#
# Then read your page as if somebody else had written it. Which sentence would you attack?
#
# ## Argue about it
#
# A paper compares ten new ideas with one baseline, five seeds each, every one by the rule above, and finds one that is
# "better". Would you believe it? What would you have them do?

# %%
if __name__ == "__main__":
    from lessons import show
    from lessons.own import work

    plans = IDEAS | {"mine": None}
    chosen = [name for name in plans if name in sys.argv[1:]]
    for name in chosen:
        print(f"the page of your experiment: {experiment(name, plans[name] or plan(), work())}")
    if not chosen:
        show(picture)
