"""What a person waits for: an import, the default training."""

import statistics
import subprocess
import sys
import time

import numpy as np


def start(setup):
    """how long `import` takes, in a fresh process each time, and the first words of the command line"""
    found = {}
    commands = {
        "import numpy": ["-c", "import numpy"],
        "import minivit": ["-c", "import minivit"],
        "import torch": ["-c", "import torch"],
        "minivit info": ["-m", "minivit", "info"],
    }
    for name, command in commands.items():
        seconds = []
        for _ in range(setup.few_rounds):
            began = time.perf_counter()
            code = subprocess.run([sys.executable, *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode
            seconds.append(time.perf_counter() - began)
        if code:
            print(f"  left out: {name}: not installed")
            continue
        found[name] = round(statistics.median(seconds), 3)
        print(f"  {name:16} {found[name]:.2f} s")
    return found


def digits(setup):
    """the default training on digits: seconds until the test accuracy has reached 97 %, looked at after every epoch"""
    from minivit.data import load
    from minivit.models.vit import ViT
    from minivit.training.loop import accuracy, predict, train
    from minivit.training.presets import load_config, model_config, recipe

    settings = load_config("digits")
    dataset = load(settings["data"])
    rules = recipe(settings["recipe"])
    model = ViT(model_config(settings["model"], dataset), np.random.default_rng(rules.seed))
    test = dataset.normalise(dataset.test_images)
    spent, reached, began = 0.0, None, time.perf_counter()
    for progress in train(model, dataset, rules, setup.threads):
        if progress.complete:
            spent += time.perf_counter() - began
            result = accuracy(predict(model, test, threads=setup.threads), dataset.test_labels)
            if reached is None and result >= 0.97:
                reached = (progress.epoch, spent)
            began = time.perf_counter()  # looking at the test images is not part of the time
    if reached:
        print(f"  97 % after epoch {reached[0]}, {reached[1]:.1f} s")
    print(f"  the whole training: {spent:.1f} s, {100 * result:.1f} %")
    return {"epochs_to_97": reached and reached[0], "seconds_to_97": reached and round(reached[1], 1), "seconds": round(spent, 1)}
