"""A file of weights, or a folder with one: safetensors, torch's, or NumPy's .npz, told apart by what is in it."""


def read_weights(path):
    """(tree, about) of a file of weights, of a folder that holds one, or of a model.safetensors.index.json with its shards.

    tree: {name: array}; in torch's files it is nested as it stands there, {"model": {name: array}, "epoch": 3, "args": …}.
    Arrays are read-only views of the mapped file in the dtype that they have there, float16 too; bfloat16 becomes float32. Names
    are the file's own: "blocks.0.attn.qkv.weight", or "params/Transformer/encoderblock_0/…" in an .npz.

    about: {"path": the file that was read, or the index of its shards, as a Path,
            "format": "safetensors", "torch" or "npz",
            "metadata": the texts in a safetensors header, else {},
            "config": the dictionary in config.json beside it (Hugging Face's, or timm's), or None,
            "preprocessor": the dictionary in preprocessor_config.json beside it, or None,
            "size": bytes, of all shards together}

    Nothing in a file is ever executed. Raises ValueError with the path, the fault, and what to do."""
    raise NotImplementedError
