"""The command train."""

from dataclasses import replace
from pathlib import Path

from ...called import called
from ...data import load
from ...data.scenes import Scenes
from ...models.kinds import the_kind
from ...training import finetune
from ...training.presets import changed, fitting_detr, fitting_patch, load_config, model_config, names, recipe
from ...training.tasks import kind_of_task
from ..output import printable
from . import options

CHANGES = ("epochs", "lr", "batch_size", "seed", "unfreeze")  # what the command line changes of a recipe
OF_A_NEW_RUN = ("out", "config", "data", "image_size", "init")


def add(commands):
    what = "train a ViT on handwritten digits, in half a minute on two cores"
    p = options.add(commands, "train", run, help=what, shared=True)
    known = ", ".join(names())
    p.add_argument(
        "--config",
        metavar="NAME",
        help=f"a preset ({known}) or a TOML file; default: that of the data, or digits; with boxes detr-digits",
    )
    p.add_argument("--data", metavar="NAME", help=f"a data set ({called('minivit')} data), folder or .npz; default: the preset's")
    p.add_argument(
        "--init",
        metavar="RUN",
        help="begin from the weights of a ViT that was trained on other images, named as --model of predict is, with a new head",
    )
    p.add_argument(
        "--unfreeze",
        metavar="N",
        help="with --init: train the head and the last N blocks, or all; default: 0, the head alone, which takes seconds",
    )
    options.add_data_dir(p)
    options.add_image_size(p)
    p.add_argument("--epochs", type=int, metavar="N", help="passes over the training images; default: the preset's")
    p.add_argument("--lr", type=float, metavar="X", help="peak learning rate; default: the preset's")
    p.add_argument("--batch-size", type=int, metavar="N", help="images a step; default: the preset's")
    p.add_argument("--seed", type=int, metavar="N", help="of everything random; the same seed gives the same numbers; default: 0")
    p.add_argument(
        "--out",
        metavar="FOLDER",
        help="where the results go; default: runs/NAME, of the preset or the data. An earlier run is renamed",
    )
    p.add_argument("--threads", type=int, metavar="N", help="of each process; default: one a core; the same numbers for any N")
    p.add_argument(
        "--reduce",
        choices=("ordered", "fast"),
        default="ordered",
        help="how processes that mpiexec started sum their gradients. ordered: piece by piece, to the same weights, bit for bit, "
        "for any number of them; fast: by MPI's Allreduce, which gives that up: the last digits then depend on how many there "
        "are; default: ordered; of GPUs, one a process, always NCCL's sum",
    )
    p.add_argument("--resume", metavar="RUN", help="go on with an interrupted run, to the numbers that it would have had")
    options.add_device(p)


def run(arguments):
    """Trains a Vision Transformer and leaves its weights, figures and numbers in a folder. Ctrl-C stops it and keeps the last
    complete epoch. `mpiexec -n 4 python -m minivit train` trains in four processes, on one machine or several, to the same
    weights (pip install "minivit[mpi]")."""
    from ..folder import begun_run, must_be_writable, of_its_own
    from ..run import train_run

    processes = options.processes(arguments)
    processes.ordered = arguments.reduce == "ordered"
    given = {name: value for name in CHANGES if (value := getattr(arguments, name)) is not None}
    if arguments.resume is not None:
        if given or any(getattr(arguments, other) is not None for other in OF_A_NEW_RUN):
            raise ValueError(
                "--resume goes on as the run began: beside it only --threads, --reduce, --device and --data-dir make sense"
            )
        path = arguments.resume
        name, model, how, start = begun_run(path, processes)
        dataset = options.in_turn(arguments, lambda: load(name, arguments.data_dir, model.image_size, model.channels))
    else:
        if processes.rank == 0:  # which alone has a folder; before a thousand photographs are decoded
            must_be_writable("runs/NAME" if arguments.out is None else arguments.out)
        dataset, model, how, name, start = options.in_turn(arguments, lambda: _new(arguments, given))
        path = of_its_own(f"runs/{name}", dataset.name) if arguments.out is None else arguments.out
    if start:
        dataset = replace(dataset, mean=start.mean, std=start.std)
    device, resume = options.device(arguments), arguments.resume is not None
    train_run(dataset, model, how, path, threads=processes, device=device, resume=resume, start=start)


def _new(arguments, given):
    """(data set, configuration of the model, Recipe, name, Start or None) of a run that begins."""
    preset = arguments.config
    settings = {"model": {}, "recipe": {}} if preset is None else load_config(preset)
    if arguments.init is not None or "init" in settings:
        return _fine_tuning(arguments, given, settings)
    if preset is None:
        own = [name for name in names() if load_config(name)["data"] == arguments.data]
        preset = arguments.data if arguments.data in own else own[0] if own else "digits"
    config = load_config(preset)
    dataset = _of_size(arguments.data or config["data"], arguments)
    if arguments.config is None and isinstance(dataset, Scenes) and config["data"] != dataset.name:
        config = load_config("detr-digits")
    kind_of_task(the_kind(config["model"].get("kind", "vit")).config, dataset)
    name = Path(preset).stem
    if arguments.data not in (None, config["data"]):
        config["recipe"].pop("temperature", None)  # it was found on the preset's own data
        config["recipe"].pop("validation", None)  # which has images to spare; of somebody's own all are learned from
    if arguments.config is None and config["data"] != dataset.name:
        height, width = dataset.test_images.shape[1:3]
        boxes = isinstance(dataset, Scenes)
        config["model"] |= fitting_detr(dataset) if boxes else {"patch_size": fitting_patch(height, width)}
        name = Path(dataset.name).name.removesuffix(".npz") or "data"
        if dataset.reading and not boxes:
            config["recipe"]["shift"] = max(1, min(height, width) // 16)
    how = recipe(changed(config["recipe"], given))
    if how.unfreeze != "all":
        raise ValueError(f"unfreeze is {how.unfreeze}, and nothing here was trained before: name what to begin from with --init")
    return dataset, model_config(config["model"], dataset), how, name, None


def _of_size(name, arguments):
    """The data set, of which --image-size brings a folder's pictures and canvases to a size. With others it would be a slip: the
    presets' patches are of a few pixels, and digits of 64 x 64 have a thousand of them."""
    dataset = load(name, arguments.data_dir, arguments.image_size)
    if arguments.image_size is None or isinstance(dataset, Scenes) or dataset.reading:
        return dataset
    own, asked = (one.train_images.shape[1:3] for one in (load(name, arguments.data_dir), dataset))
    if own != asked:
        has, wanted = (" x ".join(map(str, size)) for size in (own, asked))
        raise ValueError(f"{name} has images of {has}, not {wanted}: only folders of images are brought to a size")
    return dataset


def _fine_tuning(arguments, given, settings):
    """The same of a run that begins from a pretrained model."""
    init = settings.get("init") if arguments.init is None else arguments.init
    data = arguments.data or settings.get("data")
    if settings["model"]:
        raise ValueError(f"the model is that of {init}: leave out [model], which {arguments.config} has, or --init")
    if data is None:
        raise ValueError(f"name what {init} is to learn, a data set, a folder or an .npz, with --data")
    model, about = finetune.opened(init, arguments.image_size)
    print("".join(f"{printable(line)}\n" for line in about.get("recognised", ())), end="")
    dataset = load(data, arguments.data_dir, model.config.image_size, model.config.channels)
    kind_of_task(type(model.config), dataset)
    start = finetune.start(init, model, about, dataset)
    how = finetune.recipe_of(settings["recipe"] | given)
    if dataset.reading and how["unfreeze"] == "all":
        how = {"shift": max(1, min(model.config.image_size) // 16)} | how
    name = f"{Path(dataset.name).name.removesuffix('.npz') or 'data'}-tuned"
    return dataset, start.model.config, recipe(how), name, start
