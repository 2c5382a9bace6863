"""Measurements: what README says about accuracy and speed is made by the commands in this folder."""

import os
import sys

# Kernels chosen by hand for one library would make the comparison unfair, and the figures another processor's. OpenBLAS reads its
# variable as NumPy is imported: taking it off afterwards changes nothing here, and would take it from others' processes.
KERNELS = ("OPENBLAS_CORETYPE", "ATEN_CPU_CAPABILITY")  # of NumPy's products, and of PyTorch
TAKEN_OFF = {name: os.environ.pop(name) for name in KERNELS if name in os.environ and "numpy" not in sys.modules}
