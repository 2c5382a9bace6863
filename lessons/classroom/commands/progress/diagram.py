"""The whole Vision Transformer as a diagram in plain letters, with the learner's own parts marked."""

from ... import course

MODEL = (  # what is drawn, the exercise that it is, what it does
    ("image (B, H, W, C)", "", ""),
    ("  |  ", "patchify", "cut into patches"),
    ("  |  ", "patch_embed", "a Linear on each patch"),
    ("  |  ", "embed_tokens", "class token in front, positions added"),
    ("  |", "", ""),
    ("  |  ", "block", "as often as the model is deep:"),
    ("  +----+", "", ""),
    ("  |    |  ", "layernorm", ""),
    ("  |    |  ", "self_attention", "each token looks at all tokens:"),
    ("  |    |    ", "split_heads", "several looks at once"),
    ("  |    |    ", "attention", "softmax(Q K^T / sqrt(d)) V"),
    ("  |    |      ", "softmax", "scores become weights"),
    ("  |    |    ", "merge_heads", "and one projection"),
    ("  + <--+", "", "the road past attention"),
    ("  +----+", "", ""),
    ("  |    |  ", "layernorm", ""),
    ("  |    |  ", "mlp", "each token thinks by itself:"),
    ("  |    |    ", "linear", ""),
    ("  |    |    ", "gelu", ""),
    ("  |    |    ", "linear", ""),
    ("  + <--+", "", "the road past the MLP"),
    ("  |  ", "layernorm", "the one that most people forget"),
    ("  |  ", "pick_class_token", "the one token that is read"),
    ("  v  ", "linear", "the head"),
    ("logits (B, K)", "", ""),
)
TRAINING = (
    ("  ", "vit", "all of the above, put together"),
    ("  ", "vit_parameters", "and where its weights begin"),
    ("  ", "count_parameters", "86,567,656 for B/16"),
    ("  ", "cross_entropy", "how wrong the logits are"),
    ("  ", "backward", "every gradient, back through the tape"),
    ("  ", "topological_order", ""),
    ("  ", "unbroadcast", ""),
    ("  ", "unpatchify", ""),
    ("  ", "check_gradient", "and is it right?"),
    ("  ", "adamw_step", "a step downhill"),
    ("  ", "warmup_cosine", "how long the step is"),
    ("  ", "clip_gradients", "and never too long"),
    ("  ", "random_shift", "more digits than there are"),
    ("  ", "train_vit", "the loop"),
    ("  ", "evaluate_vit", "an honest test"),
)


def taught():
    """{exercise: its lesson} of all lessons."""
    return {exercise.name: lesson for lesson in course.lessons() for exercise in lesson.exercises}


def diagram():
    """(lines, how many parts are the learner's, how many there are); no lines in a course that does not teach them."""
    lessons, states = taught(), course.progress()
    names = {name for _, name, _ in MODEL + TRAINING if name}
    if not names <= set(lessons):
        return [], 0, 0
    own = {name for name in names if _passed(lessons[name], states)}

    def line(art, name, note):
        whose = "" if not name else "yours" if name in own else f"lesson {lessons[name].number}"
        return f"{art + name:<29}{whose:<11}{note}".rstrip()

    lines = [line(*row) for row in MODEL] + ["", "what makes it and trains it"] + [line(*row) for row in TRAINING]
    return lines, len(own), len(names)


def _passed(lesson, states):
    return states.get(lesson.number, course.State()).status == "passed" and lesson.learner_file is not None
