"""safetensors: 8 bytes of length, the lowest first; a JSON header of that length; then the numbers, one array after another.

Source: https://huggingface.co/docs/safetensors, "Format".
"""


def read(path):
    """({name: array}, the metadata as a dictionary of texts) of a .safetensors file.

    The arrays are read-only views of the file, which is mapped and not held in memory: it must stay as it is while they are in
    use. Their dtype is the file's, float16 too; bfloat16, which NumPy lacks, becomes float32. Raises ValueError with the path
    and the fault."""
    raise NotImplementedError


def write(path, arrays, metadata=None):
    """Writes {name: array} and a dictionary of texts to `path`, which is final: who wants the old file or the new one and never
    half of either gives the path of a temporary one. Raises ValueError for a dtype or a text that the format lacks, before
    anything is written."""
    raise NotImplementedError
