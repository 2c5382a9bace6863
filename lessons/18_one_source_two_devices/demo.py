"""What a launch costs, against the size of the array: eight operations in a row, on the host and on a device in virtual
time. Right arrow: a larger array. Left arrow: a smaller one. M: with a wait after each operation, or none."""

import numpy as np

from lessons.device import Queue
from lessons.figures import BLUE, GREY, ORANGE

SIZES = [round(10**power) for power in np.arange(2, 8.01, 0.25)]
CALL, HOST, LAUNCH, DEVICE = 1e-6, 10e9, 5e-6, 320e9  # seconds, bytes a second; DEVICE is a T4's memory
COUNT = 8  # operations


def on_host(numbers):
    """Seconds for one operation that reads and writes so many float32 numbers."""
    return CALL + 8 * numbers / HOST


def on_device(numbers, wait):
    """A Queue after COUNT operations, with a wait after each or only at the end."""
    queue = Queue(LAUNCH)
    for _ in range(COUNT):
        queue.launch(8 * numbers / DEVICE)
        if wait:
            queue.synchronize()
    queue.synchronize()
    return queue


def unit_of(seconds):
    """(factor, name) of a unit in which so many seconds read well."""
    return (1e6, "µs") if seconds < 1e-3 else (1e3, "ms")


def draw(figure, panels, number, wait):
    chart, time = panels
    for axes in panels:
        axes.clear()
    sizes, size = np.array(SIZES), SIZES[number]
    host = COUNT * on_host(sizes)
    device = np.array([on_device(n, wait).now for n in SIZES])
    chart.plot(sizes, 1e6 * host, "--", color=ORANGE, label="host")
    chart.plot(sizes, 1e6 * device, "-", color=BLUE, label="device")
    chart.plot([size, size], [1e6 * host[number], 1e6 * device[number]], "o", color="black")
    chart.axvline(size, color="black", linewidth=1)
    even = sizes[np.argmin(np.abs(np.log(host / device)))]
    chart.axvline(even, color=GREY, linestyle=":")
    chart.text(even, 3e5, " here they are even", color=GREY, va="top", fontsize="small")
    chart.set(xscale="log", yscale="log", xlabel="numbers in the array", ylabel="µs for 8 operations", ylim=(5, 5e5))
    chart.legend(frameon=False, loc="upper left")
    ratio = host[number] / device[number]
    told = (
        f"the device is {ratio:.1f} times as fast"
        if ratio >= 1
        else f"the device takes {1 / ratio:.1f} times as long: stay at home"
    )
    chart.set_title(f"{size:,} numbers: {told}")

    queue = on_device(size, wait)
    end = 1.1 * min(max(host[number], queue.now), 2 * queue.now)  # the host's row may run out of the picture, and says so
    factor, unit = unit_of(end)
    one = on_host(size)
    for place in range(COUNT):
        if one * place < end:
            time.barh(2, factor * one, left=factor * one * place, color=ORANGE, edgecolor="white")
    for begun, handed, start, done in queue.kernels:
        time.barh(1, factor * (handed - begun), left=factor * begun, color=GREY, edgecolor="white")
        time.barh(0, factor * (done - start), left=factor * start, color=BLUE, edgecolor="white", hatch="//")
    if host[number] > end:
        time.text(0.99 * factor * end, 2, f"on to {factor * host[number]:,.0f} {unit}  >", color="white", ha="right", va="center")
    time.set(yticks=(0, 1, 2), yticklabels=("device", "its host,\nlaunching", "host alone"), xlim=(0, factor * end))
    busy = sum(done - start for *_, start, done in queue.kernels) / queue.now
    told = "a wait after each" if wait else "nobody waits"
    time.set(xlabel=unit, title=f"{told}: {factor * queue.now:.0f} {unit}, the device at work {busy:.0%} of the time")
    figure.suptitle("What a launch costs")


def demo(quick=False):
    import matplotlib.pyplot as plt
    from matplotlib.animation import FuncAnimation

    figure, panels = plt.subplots(2, 1, figsize=(9, 6.6), layout="constrained", height_ratios=(3, 2))
    state = {"number": 0, "wait": False}

    def show(number):
        state["number"] = max(0, min(len(SIZES) - 1, number))
        draw(figure, panels, state["number"], state["wait"])

    def press(event):
        moves = {"right": 1, "left": -1, "m": 0, "M": 0}
        if event.key in moves:
            state["wait"] ^= event.key in ("m", "M")
            show(state["number"] + moves[event.key])
            figure.canvas.draw_idle()

    def wait_for_keys(event):
        """In a window nothing moves by itself; saved, the sizes follow one another."""
        figure.canvas.mpl_disconnect(waiting)
        animation.pause()

    frames = range(0, len(SIZES), 12) if quick else range(len(SIZES))
    animation = FuncAnimation(figure, show, frames=frames, interval=700, init_func=lambda: show(0))
    animation.still = 1 if quick else 13
    waiting = figure.canvas.mpl_connect("draw_event", wait_for_keys)
    figure.canvas.mpl_connect("key_press_event", press)
    return animation
