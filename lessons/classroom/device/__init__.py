"""The stand-in for CuPy behind lessons/device.py: what is counted, its arrays, its functions."""
