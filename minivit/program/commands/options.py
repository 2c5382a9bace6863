"""What several commands share: options, and what becomes of them."""

from ...backend import gpu_status
from ...called import called
from ...checks import whole
from ...data.paths import at_home
from ...data.photographs import checked
from ...training import gpus
from ...training.pretrained import knows_its_classes, open_model
from .. import together
from ..output import printable


def add(commands, name, run, help, shared=False):
    """The parser of a command, which is described by the docstring of its `run`. shared: whether several processes share its
    work; else process 0 does it, and the others nothing."""
    parser = commands.add_parser(name, help=help, description=run.__doc__)
    parser.set_defaults(command=run, shared=shared)
    return parser


def add_model(parser):
    parser.add_argument(
        "--model",
        default="runs/digits",
        metavar="RUN",
        help="a run's folder or a model.npz, a file or folder of pretrained weights (.safetensors, .pth, .bin, .npz), or "
        "OWNER/NAME of such on the model hub, which is downloaded; default: runs/digits",
    )


def add_data_dir(parser):
    parser.add_argument("--data-dir", metavar="DIR", help="a folder with data on this machine, looked in before the cache")


def add_image_size(parser):
    parser.add_argument(
        "--image-size",
        type=int,
        metavar="N",
        help="a folder's pictures: the shorter side is resized to N pixels, the middle cut out, or, with boxes, the whole made "
        "N x N; default: 64, or as they are if all are of one size of 64 at most; of canvases: their size; with "
        "--init the images of every data set are brought to it",
    )


def add_device(parser):
    parser.add_argument(
        "--device", choices=("auto", "cpu", "gpu"), default="auto", help="auto takes a GPU if one is usable; default: auto"
    )


def device(arguments):
    """ "cpu" or "gpu", in all processes the same. Raises ValueError if a GPU is asked for and there is none."""
    choice, processes = arguments.device, arguments.processes
    if choice != "cpu" and processes.size > 1:
        gpus.choose(processes)
    usable, reason = gpu_status() if choice != "cpu" else (False, "")
    if choice == "gpu" and not usable:
        raise ValueError(reason)
    if arguments.shared:
        usable = all(processes.gathered([usable]))
    return "gpu" if usable else "cpu"


def processes(arguments):
    """The processes that share the work, mostly one, of as many threads as are asked for."""
    if arguments.threads is not None:
        arguments.processes.threads = whole("threads", arguments.threads, 1)
    return arguments.processes


def in_turn(arguments, function):
    """function(), in which something may be downloaded; of several processes that share the work one after the other."""
    return together.in_turn(arguments.processes, function) if arguments.shared else function()


def trained_model(arguments):
    """(the model of --model on its device, what was saved about it). Of weights that others trained it is printed what they were
    recognised as."""
    model, about = in_turn(arguments, lambda: open_model(arguments.model))
    model.to(device(arguments))
    of_others = isinstance(about.get("recognised"), list)
    needed = ("classes", "mean", "std", *([] if of_others else ["data"]))
    missing = [name for name in needed if not isinstance(about.get(name), str | list)]
    if not missing and not all(isinstance(x, int | float) for name in ("mean", "std") for x in about[name]):
        missing = ["mean and std as numbers"]
    if missing or len(about["classes"]) != model.config.classes or not all(isinstance(x, str) for x in about["classes"]):
        what = ", ".join(missing) or "a name for every class"
        raise ValueError(
            f"{arguments.model} does not say what it was trained on ({what}): train one with `{called('minivit')} train`"
        )
    try:
        checked(about.get("reading"))
    except ValueError as error:
        raise ValueError(f"{arguments.model}: {error}") from None
    if of_others:
        print("\n".join(printable(line) for line in about["recognised"]) + "\n")
        if not knows_its_classes(model):
            raise ValueError(
                f"{arguments.model} has no head that was trained, and names no classes: "
                f"fine-tune it with `{called('minivit')} train --data FOLDER --init {arguments.model}`"
            )
    return model, about


def png(path, what):
    """The path of a figure that is to be written. Raises ValueError if it is no .png file in a folder that exists."""
    path = at_home(path)
    if path.suffix.lower() != ".png" or not path.absolute().parent.is_dir():
        raise ValueError(f"the {what} cannot go to {str(path)!r}: name a .png file in a folder that exists")
    return path
