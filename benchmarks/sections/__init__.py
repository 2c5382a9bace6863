"""What `python -m benchmarks` measures, a function a section, of a Setup (measure.py). Each prints its table and returns its
figures for the JSON."""

from . import parts, processes, steps, waits

SECTIONS = {
    "step": steps.step,
    "hybrid": steps.hybrid,
    "small": steps.small,
    "bare": steps.bare,
    "ops": parts.ops,
    "inference": steps.inference,
    "growth": steps.growth,
    "attention": parts.attention,
    "roofline": parts.roofline,
    "digits": waits.digits,
    "start": waits.start,
    "scale": processes.scale,
}
ON_A_GPU = ("step", "hybrid", "small", "ops", "inference", "growth", "attention")
