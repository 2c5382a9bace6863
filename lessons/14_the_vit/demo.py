"""What a ViT of your own sizes would cost: parameters, multiplications, and which part takes how much.

Left and right arrow: choose patch, depth, width or image size. Up and down arrow: change it. Or move the sliders.
"""

from lessons.figures import BLUE, GREEN, ORANGE, PURPLE

CHOICES = {
    "image size": (64, 128, 192, 224, 256, 384, 512),
    "patch": (8, 16, 32),
    "depth": (2, 4, 6, 12, 24, 32),
    "width D": (64, 128, 192, 384, 768, 1024, 1280),
}
PARTS = ("Linears of attention", "scores and averages", "MLP", "embedding and head")


def costs(image, patch, depth, dim):
    """(parameters, {part: multiply-adds}, tokens) of a ViT with 4 D in the MLP and 1,000 classes."""
    count = (image // patch) ** 2
    tokens = count + 1
    parts = (
        depth * tokens * 4 * dim * dim,
        depth * 2 * tokens * tokens * dim,
        depth * tokens * 8 * dim * dim,
        count * patch * patch * 3 * dim + dim * 1000,
    )
    parameters = depth * (12 * dim * dim + 13 * dim) + (patch * patch * 3 + 1) * dim + (tokens + 1) * dim + 2 * dim
    return parameters + (dim + 1) * 1000, dict(zip(PARTS, parts, strict=True)), tokens


def demo(quick=False):
    import matplotlib.pyplot as plt
    from matplotlib.widgets import Slider

    figure, axes = plt.subplots(figsize=(11, 5.6), layout="none")
    figure.subplots_adjust(left=0.22, right=0.96, top=0.82, bottom=0.42)
    state = {"chosen": 1}
    first = {"image size": 3, "patch": 1, "depth": 3, "width D": 4}  # B/16
    sliders = {}
    for i, (name, values) in enumerate(CHOICES.items()):
        place = figure.add_axes((0.22, 0.25 - 0.065 * i, 0.6, 0.035))
        sliders[name] = Slider(place, name, 0, len(values) - 1, valinit=first[name], valstep=1, color=BLUE)

    def draw():
        image, patch, depth, dim = (values[int(sliders[name].val)] for name, values in CHOICES.items())
        parameters, parts, tokens = costs(image, patch, depth, dim)
        total = sum(parts.values())
        axes.clear()
        looks = zip(parts.items(), (BLUE, ORANGE, GREEN, PURPLE), ("", "//", "..", "xx"), strict=True)
        for (name, value), colour, hatch in looks:
            axes.barh(name, value / 1e9, color=colour, hatch=hatch, edgecolor="white")
            axes.text(value / 1e9, name, f" {100 * value / total:.1f} %", va="center")
        axes.set(xlabel="thousand million multiply-adds for one image", xlim=(0, 1.15 * max(parts.values()) / 1e9))
        axes.invert_yaxis()
        text = f"{tokens:,} tokens    {parameters / 1e6:,.1f} million parameters    {total / 1e9:,.1f} · 10⁹ multiply-adds"
        figure.suptitle(text, fontsize=13)
        for i, (name, values) in enumerate(CHOICES.items()):
            sliders[name].valtext.set_text(f"{values[int(sliders[name].val)]}")
            sliders[name].label.set_fontweight("bold" if i == state["chosen"] else "normal")
        figure.canvas.draw_idle()

    def press(event):
        names = list(CHOICES)
        if event.key in ("left", "right"):
            state["chosen"] = (state["chosen"] + (1 if event.key == "right" else -1)) % len(names)
            draw()
        elif event.key in ("up", "down"):
            slider = sliders[names[state["chosen"]]]
            slider.set_val(min(slider.valmax, max(0, slider.val + (1 if event.key == "up" else -1))))

    for slider in sliders.values():
        slider.on_changed(lambda value: draw())
    figure.canvas.mpl_connect("key_press_event", press)
    figure.sliders = sliders  # widgets that nobody keeps stop working
    draw()
    return figure
