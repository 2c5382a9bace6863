"""Where a step runs, and how its time and memory are measured there: the computer's processor, or a GPU as each library sees it.

Each class has seconds(step, count), the time of each of `count` steps, and peak(step), the most memory in bytes. Calls for a GPU
return before it has computed: there the device itself notes the time between two steps, in an event, and nobody waits for it
until the last one. The first step of a turn is not counted: it fills the queue. All compute in float32, without TF32.
"""

import sys
import time
from itertools import pairwise

from minivit.backend import gpu_status

GPU_WARM_UP = 10  # steps before the first that counts: kernels are compiled, plans chosen, memory fetched


def _status(field):
    """A field of Linux's /proc/self/status in bytes, or None elsewhere."""
    try:
        with open("/proc/self/status", encoding="ascii") as file:
            return next((int(line.split()[1]) * 1024 for line in file if line.startswith(field)), None)
    except OSError:
        return None


def memory_now():
    """Resident bytes; and the peak starts anew from here. Where the system cannot tell, the peak so far."""
    try:
        with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
            file.write("5")
    except OSError:
        pass
    return _status("VmRSS") or memory_peak()


def memory_peak():
    """The largest resident memory, in bytes; 0 on Windows."""
    if sys.platform == "win32":
        return 0
    import resource

    factor = 1 if sys.platform == "darwin" else 1024
    return _status("VmHWM") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * factor


class Processor:
    """The peak is the process's since it was made, above what its imports took."""

    warm_up = 1

    def __init__(self):
        self.before = memory_now()

    def seconds(self, step, count):
        found = []
        for _ in range(count):
            started = time.perf_counter()
            step()
            found.append(time.perf_counter() - started)
        return found

    def peak(self, step):
        return memory_peak() - self.before


def between_events(new_event, milliseconds, step, count):
    """Seconds of each step, from events around them; milliseconds(a, b) is the time from one event to another."""
    events = [new_event() for _ in range(count + 1)]
    step()
    events[0].record()
    for event in events[1:]:
        step()
        event.record()
    events[-1].synchronize()
    return [milliseconds(a, b) / 1000 for a, b in pairwise(events)]


class CuPyGPU:
    """The peak is of the bytes in use in CuPy's memory pool, during one step."""

    warm_up = GPU_WARM_UP

    def __init__(self):
        usable, reason = gpu_status()
        if not usable:
            raise RuntimeError(reason)
        import cupy

        self.cupy, self.pool = cupy, cupy.get_default_memory_pool()

    def seconds(self, step, count):
        return between_events(self.cupy.cuda.Event, self.cupy.cuda.get_elapsed_time, step, count)

    def peak(self, step):
        pool = self.pool

        class Watch(self.cupy.cuda.MemoryHook):
            name, peak = "peak of the bytes in use", pool.used_bytes()

            def malloc_postprocess(self, **_):
                self.peak = max(self.peak, pool.used_bytes())

        with Watch() as watch:
            step()
        return watch.peak

    def about(self):
        """What the results say about the machine."""
        runtime = self.cupy.cuda.runtime
        names = {"gpu": runtime.getDeviceProperties(0)["name"].decode(), "cupy": self.cupy.__version__}
        cuda = {"cuda": runtime.runtimeGetVersion(), "cuda_of_driver": runtime.driverGetVersion()}
        return names | {name: f"{number // 1000}.{number % 1000 // 10}" for name, number in cuda.items()}


class TorchGPU:
    """The peak is of the bytes in PyTorch's tensors, during one step."""

    warm_up = GPU_WARM_UP

    def __init__(self):
        import torch

        if not torch.cuda.is_available():
            raise RuntimeError(f"PyTorch {torch.__version__} finds no GPU")
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
        self.cuda = torch.cuda

    def seconds(self, step, count):
        def new_event():
            return self.cuda.Event(enable_timing=True)

        return between_events(new_event, lambda a, b: a.elapsed_time(b), step, count)

    def peak(self, step):
        self.cuda.reset_peak_memory_stats()
        step()
        return self.cuda.max_memory_allocated()


class JaxGPU:
    """JAX has no events: the processor's clock over all steps, waiting for the last. The peak is the process's."""

    warm_up = GPU_WARM_UP

    def __init__(self):
        import jax

        self.device = jax.devices("gpu")[0]
        jax.config.update("jax_default_matmul_precision", "highest")  # its default is TF32

    def seconds(self, step, count):
        step().block_until_ready()
        started = time.perf_counter()
        for _ in range(count):
            last = step()
        last.block_until_ready()
        return [(time.perf_counter() - started) / count]

    def peak(self, step):
        return self.device.memory_stats()["peak_bytes_in_use"]


GPUS = {"minivit": CuPyGPU, "PyTorch": TorchGPU, "PyTorch, NHWC": TorchGPU, "torch.compile": TorchGPU, "JAX": JaxGPU}
