"""Six queries learn where to look: left, their boxes on a canvas after every epoch; right, a canvas of your own.

Right and left: epoch by epoch; up and down: another canvas; space: play. On the right, drag a digit with the mouse, or choose one
with tab and move it with W, A, S and D: the boxes follow. N: other digits.
"""

from pathlib import Path

import numpy as np

from lessons.figures import BLUE, GREEN, ORANGE, PURPLE

KEPT = Path(__file__).with_name("wandering.npz")  # python lessons/23_detr/demo.py makes it anew
CANVASES, EPOCHS = (0, 3, 4, 5, 8, 11), 60  # the test canvases that are looked at
SIZE, HIGH = 32, 11  # pixels of a canvas, and of a digit on the right
COLORS = (BLUE, ORANGE, GREEN, PURPLE, "#E69F00", "#56B4E9")
STYLES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)))


def new_model():
    from minivit.models import DETR, DETRConfig

    sizes = dict(dim=32, depth=2, decoder_depth=2, heads=4, mlp_dim=64)
    return DETR(DETRConfig(image_size=SIZE, patch_size=4, channels=1, classes=10, **sizes), 0)


def make():
    """Trains a small DETR for a minute or two, and keeps what it said to some canvases after every epoch, and its weights."""
    from minivit.data import load
    from minivit.training import Recipe, Training, predict

    data, model = load("canvases"), new_model()
    images = data.normalise(data.test_images[list(CANVASES)])
    said = [predict(model, images)]
    recipe = Recipe(epochs=EPOCHS, batch_size=32, lr=2e-3, weight_decay=1e-4, warmup=0.03, clip_norm=0.1)
    for progress in Training(model, data, recipe).run():
        if progress.complete:
            said.append(predict(model, images))
            print(f"epoch {progress.epoch} of {EPOCHS}: all found in {100 * progress.accuracy:.0f} %", flush=True)
    weights = {name: array.astype(np.float16) for name, array in model.state_dict().items()}
    np.savez_compressed(KEPT, said=np.array(said, np.float16), **weights)


def kept():
    """(the model, what it said after every epoch (epochs + 1, canvases, Q, K + 5))."""
    with np.load(KEPT, allow_pickle=False) as file:
        arrays = {name: file[name].astype(np.float32) for name in file.files}
    said, model = arrays.pop("said"), new_model()
    model.load_state_dict(arrays)
    return model, said


def answers(said):
    """(class or 10 for nothing, how sure, box) of each query: said (Q, K + 5)."""
    p = np.exp(said[:, :-4] - said[:, :-4].max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    return list(zip(p.argmax(axis=1), p.max(axis=1), said[:, -4:], strict=True))


def demo(quick=False):
    import matplotlib.pyplot as plt

    from minivit.data import load, resized
    from minivit.training import predict

    (model, said), data, digits = kept(), load("canvases"), load("digits")
    rng = np.random.default_rng(3)
    state = {"epoch": len(said) - 1, "canvas": 1, "chosen": 0, "pressed": False, "playing": False}
    figure, (past, own) = plt.subplots(1, 2, figsize=(12, 6.4))

    def other_digits():
        which = rng.integers(len(digits.test_images), size=2)
        state["digits"] = resized(digits.test_images[which], HIGH)[..., 0]  # (2, 11, 11)
        state["places"] = [[4, 3], [16, 17]]  # top, left

    def canvas():
        image = np.zeros((SIZE, SIZE), np.float32)
        for digit, (top, left) in zip(state["digits"], state["places"], strict=True):
            part = image[top : top + HIGH, left : left + HIGH]
            np.maximum(part, digit, out=part)
        return image

    def show(axes, image, found, title):
        axes.clear()
        axes.imshow(image, cmap="gray", vmin=0, vmax=1)
        for (label, sure, box), color, style in zip(found, COLORS, STYLES, strict=True):
            cx, cy, w, h = SIZE * box
            nothing = label == 10
            look = dict(edgecolor=color, linestyle=style, linewidth=1 if nothing else 2.5, alpha=0.5 if nothing else 1)
            axes.add_patch(plt.Rectangle((cx - w / 2 - 0.5, cy - h / 2 - 0.5), w, h, fill=False, **look))
            if not nothing:
                ground = dict(facecolor="black", edgecolor=color, alpha=0.8, pad=2)  # else it cannot be read on a digit
                axes.text(cx - w / 2, max(cy - h / 2 - 1, 1), f"{label}  {100 * sure:.0f} %", color="white", bbox=ground)
        axes.set(title=title, xticks=(), yticks=(), xlim=(-0.5, SIZE - 0.5), ylim=(SIZE - 0.5, -0.5))

    def draw(both=True):
        if both:
            epoch, number = state["epoch"], state["canvas"]
            title = f"after {epoch} of {len(said) - 1} epochs" if epoch else "before the training"
            show(past, data.test_images[CANVASES[number], ..., 0], answers(said[epoch][number]), title)
        image = canvas()
        found = predict(model, data.normalise(image[None, :, :, None]), threads=1)[0]
        show(own, image, answers(found), "drag a digit")
        top, left = state["places"][state["chosen"]]
        own.plot(left + HIGH / 2 - 0.5, top + HIGH + 0.5, "^", color="white")
        figure.canvas.draw_idle()

    def move(down, right):
        place = state["places"][state["chosen"]]
        place[:] = [int(np.clip(p + step, 0, SIZE - HIGH)) for p, step in zip(place, (down, right), strict=True)]

    def press(event):
        if event.inaxes is own:
            centres = np.array(state["places"]) + HIGH / 2
            state["chosen"] = int(np.hypot(*(centres - [event.ydata, event.xdata]).T).argmin())
            state["pressed"] = True

    def drag(event):
        if state["pressed"] and event.inaxes is own:
            top, left = state["places"][state["chosen"]]
            move(round(event.ydata - HIGH / 2) - top, round(event.xdata - HIGH / 2) - left)
            draw(both=False)

    def step_on():
        if state["playing"]:
            state["epoch"] = (state["epoch"] + 1) % len(said)
            draw()

    def key(event):
        steps = {"w": (-1, 0), "s": (1, 0), "a": (0, -1), "d": (0, 1)}
        if event.key in ("left", "right"):
            state["epoch"] = int(np.clip(state["epoch"] + (1 if event.key == "right" else -1), 0, len(said) - 1))
        elif event.key in ("up", "down"):
            state["canvas"] = (state["canvas"] + (1 if event.key == "up" else -1)) % len(CANVASES)
        elif event.key in steps:
            move(*steps[event.key])
        elif event.key == "tab":
            state["chosen"] = 1 - state["chosen"]
        elif event.key == "n":
            other_digits()
        elif event.key == " ":
            state["playing"] = not state["playing"]
        draw()

    other_digits()
    for name, handler in (("button_press", press), ("motion_notify", drag), ("key_press", key)):
        figure.canvas.mpl_connect(f"{name}_event", handler)
    figure.canvas.mpl_connect("button_release_event", lambda event: state.update(pressed=False))
    timer = figure.canvas.new_timer(interval=250)
    timer.add_callback(step_on)
    timer.start()
    figure.timer = timer  # kept as long as the figure
    draw()
    return figure


if __name__ == "__main__":
    make()
