"""The sum of gradients over GPUs, one a process: NCCL's, which leaves them on the devices, or else through the host.

NCCL's calls stand in one function; it needs CuPy's `cupy.cuda.nccl` and a GPU for each process. None of this has run on real
GPUs: it was tried on CuPy executing on a CPU, through the host, and with NCCL replaced.
"""

import numpy as np

from ..backend import to_host


def choose(processes):
    """Makes this process compute on the GPU of its place among the processes of its machine, where there are several."""
    try:
        import cupy

        count = cupy.cuda.runtime.getDeviceCount()
    except Exception:  # no CuPy, no driver: backend.gpu_status says which
        return
    if count:
        cupy.cuda.Device(processes.place % count).use()


def sum_for(processes):
    """A function that makes arrays on the GPUs, one a process, their sum, in place: NCCL's if it can serve all processes."""
    import cupy
    from cupy.cuda import nccl

    own = processes.place < cupy.cuda.runtime.getDeviceCount()
    if all(processes.gathered([bool(own and nccl.available)])):
        return nccl_sum(processes, nccl)

    def through_host(flat):
        host = to_host(flat)
        processes.sum_on_host(host)
        flat.set(host)

    return through_host


def nccl_sum(processes, nccl):
    """NCCL's sum, on the stream on which the gradients were computed: nobody waits. nccl: CuPy's `cupy.cuda.nccl`."""
    import cupy

    unique = tuple(processes.agreed(list(nccl.get_unique_id())))
    communicator = nccl.NcclCommunicator(processes.size, unique, processes.rank)

    def in_place(flat):
        kind = nccl.NCCL_FLOAT32 if flat.dtype == np.float32 else nccl.NCCL_FLOAT64
        stream = cupy.cuda.get_current_stream().ptr
        communicator.allReduce(flat.data.ptr, flat.data.ptr, flat.size, kind, nccl.NCCL_SUM, stream)

    return in_place
