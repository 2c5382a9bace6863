"""A model that somebody trained, from whatever file: a run, a model.npz of minivit's, or weights that others trained. Of these
it is said too how their pictures are prepared, and what their classes are called."""

import zipfile

from ..data import imagenet
from ..data.fetch import hub
from ..data.formats.weights import INDEX, SUFFIXES
from ..data.paths import at_home
from ..data.preparation import preparation, words
from ..models.pretrained import load_pretrained as of_layout
from .checkpoint import ABOUT, CHECKPOINT, load_model


def load_pretrained(path, **changes):
    """(model in evaluation mode, about) as models.pretrained.load_pretrained; about can be saved with the model, as it has only
    JSON's values and not the files beside the weights, and says what a picture and an answer need:

        classes      a name for every class: the file's, ImageNet's for 1,000, else "class 0", "class 1", ...
        reading      how a picture is prepared (data.preparation)
        mean, std    by which it is normalised, a number a channel
        recognised   one line more: the preparation

    Raises ValueError, with the path and what to do."""
    model, about = of_layout(path, **changes)
    try:
        reading, mean, std = preparation(about["layout"], about["config"], about["preprocessor"], model.config)
    except ValueError as error:
        raise ValueError(f"{about['path']}: {error}") from None
    count = model.config.classes
    about = {key: value for key, value in about.items() if key not in ("config", "preprocessor")} | {"path": str(about["path"])}
    own = about.get("classes") or (imagenet.names() if count == 1000 else [f"class {i}" for i in range(count)])
    told = f"pictures: {', '.join(words(reading, model.config.image_size))}; mean {_numbers(mean)}; std {_numbers(std)}"
    more = {"classes": own, "reading": reading, "mean": mean, "std": std, "recognised": [*about["recognised"], told]}
    return model, about | more


def open_model(name, **changes):
    """(model in evaluation mode, about) of a run's folder or a file that minivit saved, as load_model; of any other file or
    folder of weights, or of OWNER/NAME on the model hub, which is downloaded, as load_pretrained: about["recognised"] tells that
    it is one. `changes` are for load_pretrained alone: what minivit saved is as it is. Raises ValueError as they do."""
    if hub.is_name(name):
        return load_pretrained(hub.fetched(name), **changes)
    return load_pretrained(name, **changes) if _is_of_others(name) else load_model(name)


def _is_of_others(path):
    """Whether there is a file or folder of weights that minivit has not saved."""
    path = at_home(path)
    file = path / "model.npz" if path.is_dir() else path
    if not file.is_file():
        return path.is_dir() and any(
            other.name.endswith((*SUFFIXES, INDEX)) for other in path.iterdir() if other.name != CHECKPOINT
        )
    if file.suffix != ".npz":
        return True
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
    except Exception:  # zipfile raises a different class for each kind of damage
        return False
    return f"{ABOUT}.npy" not in names and any("/" in name for name in names)  # Google's arrays lie in folders


def knows_its_classes(model):
    """Whether its head ever learned: a backbone's is of zeros."""
    return bool(model.head.weight.data.any())


def _numbers(values):
    return f"{values[0]:g}" if len({*values}) == 1 else ", ".join(f"{value:.3f}" for value in values)
