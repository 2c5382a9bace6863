"""torch's .pth, .pt and .bin since torch 1.6: a zip with one pickle, which says how the tensors lie, and the numbers beside it."""


def read(path):
    """The dictionary in torch's file as it stands there, nested as it is: texts, numbers, lists, tuples, and an array for each
    tensor and parameter. What is no weights but is often saved beside them (argparse's Namespace, NumPy's scalars, a dtype) is
    there as a `NotRead`.

    No pickle is executed. The arrays are read-only views of the file, of any strides, which is mapped and not held in memory: it
    must stay as it is while they are in use. float16 stays float16; bfloat16, which NumPy lacks, becomes float32. Raises
    ValueError with the path and the fault."""
    raise NotImplementedError
