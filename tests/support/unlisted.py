"""Wrong answers that stand in no lesson's list of mistakes, written without looking at those lists. Each runs, most give the
right shapes, and many are right nearly everywhere: on one size, in one precision, for the first call. The checker must reject
every one of them.

WRONG[number of the lesson][name of the function] is a list of functions; the docstring of each says what is wrong with it.
"""

import math

import numpy as np

from lessons import mine
from minivit import ops
from minivit.backend import erf

# Lesson 01: arrays and shapes


def patch_counted_by_height(image, row, column, size):
    """Numbers the patches with the height of the image: wrong where it is wider than high."""
    across = image.shape[0] // size
    r, c = divmod(row * across + column, across)
    return image[r * size : (r + 1) * size, c * size : (c + 1) * size]


def patch_refilled(image, row, column, size):
    """Cuts by a reshape alone, which takes pieces of rows for patches."""
    height, width = image.shape
    return image[: height // size * size, : width // size * size].reshape(height // size, -1, size, size)[row, column]


def patch_in_float32(image, row, column, size):
    """Returns float32 whatever the image is."""
    return image[row * size : (row + 1) * size, column * size : (column + 1) * size].astype(np.float32)


def patch_shifted_after_the_first_row(image, row, column, size):
    """Off by one pixel in every row of patches but the first."""
    top = row * size - (row > 0)
    return image[top : top + size, column * size : (column + 1) * size]


def average_by_the_height(images):
    """Divides by the height and not by the batch: right where both are equal."""
    return images.sum(axis=0) / images.shape[1]


def average_as_median(images):
    """The median, which is the mean of one or two images only."""
    return np.median(images, axis=0).astype(images.dtype)


def average_running(images):
    """Halves again and again, so that later images weigh more: right for one or two images."""
    average = images[0]
    for image in images[1:]:
        average = (average + image) / 2
    return average


def average_in_float32(images):
    """Adds up in float32 and only then returns the dtype of the images: 7 digits are left."""
    return images.mean(axis=0, dtype=np.float32).astype(images.dtype)


def gaps_of_sorted_positions(positions):
    """Sorts the positions first: right for positions in order."""
    positions = np.sort(positions)
    return positions[None, :] - positions[:, None]


def gaps_of_whole_numbers(positions):
    """Cuts the positions to whole numbers: right for 0, 1, 4."""
    whole = positions.astype(np.int64).astype(positions.dtype)
    return whole[None, :] - whole[:, None]


def gaps_from_the_first(positions):
    """Builds the table from the gaps to the first position by their places: right for equal steps."""
    step = positions[1:2].sum() - positions[0]
    place = np.arange(len(positions), dtype=positions.dtype)
    return (place[None, :] - place[:, None]) * step


def shares_of_columns_on_squares(weights):
    """Forgets to keep the axis on square tables, where nothing complains."""
    sums = weights.sum(axis=1)
    return weights / (sums if weights.shape[0] == weights.shape[1] else sums[:, None])


def shares_with_a_small_number_below(weights):
    """Adds 1e-6 to the sums against division by zero: rows sum to a little less than 1."""
    return weights / (weights.sum(axis=1, keepdims=True) + 1e-6)


def shares_rounded(weights):
    """Rounds the shares to four places."""
    return np.round(weights / weights.sum(axis=1, keepdims=True), 4)


def shares_of_rows_then_of_columns(weights):
    """Lets the columns sum to 1 as well, which undoes the rows."""
    shares = weights / weights.sum(axis=1, keepdims=True)
    return shares / shares.sum(axis=0, keepdims=True)


def strip_of_turned_squares(images):
    """Turns each image over before it is put down, where the image is square."""
    return np.hstack([image.T if image.shape[0] == image.shape[1] else image for image in images])


def strip_of_one_image(images):
    """Repeats the first image: right for a batch of one."""
    return np.tile(images[0], len(images))


def blend_turned_on_squares(weights, values):
    """The transposed weights where they are square."""
    return (weights.T if weights.shape[0] == weights.shape[1] else weights) @ values


def blend_of_shares(weights, values):
    """Lets the weights of each row sum to 1 first."""
    return weights / weights.sum(axis=1, keepdims=True) @ values


def blend_without_the_rows_beyond(weights, values):
    """Adds up one product for each row of the weights and not for each row of the values."""
    return sum(weights[:, n : n + 1] * values[n] for n in range(min(len(weights), len(values))))


def blend_without_negative_weights(weights, values):
    """Takes negative weights for 0."""
    return np.maximum(weights, 0) @ values


def picked_by_sorted_labels(scores, labels):
    """Sorts the labels, so that they no longer belong to their rows."""
    return scores[np.arange(len(labels)), np.sort(labels)]


def picked_with_0_as_missing(scores, labels):
    """Takes label 0 for 'no label', and gives the best score there."""
    return np.array([row[label] if label else row.max() for row, label in zip(scores, labels, strict=True)], scores.dtype)


def picked_without_the_last_class(scores, labels):
    """Counts the classes one too low, so that the last becomes the first."""
    return scores[np.arange(len(labels)), labels % (scores.shape[1] - 1)]


def scaled_by_a_whole_root(scores, width):
    """Cuts the root to a whole number: right for 4, 9, 16, 64."""
    return scores / math.isqrt(width)


def scaled_by_a_rounded_root(scores, width):
    """The root rounded to four places."""
    return scores / round(math.sqrt(width), 4)


def scaled_to_float32(scores, width):
    """Mends the dtype by making everything float32, float64 too."""
    return (scores / np.sqrt(width)).astype(np.float32)


# Lesson 02: autograd


def unbroadcast_mean_where_stretched(gradient, shape):
    """Averages over stretched axes, and sums only those in front."""
    gradient = gradient.sum(axis=tuple(range(gradient.ndim - len(shape))))
    stretched = tuple(axis for axis, size in enumerate(shape) if size == 1)
    return gradient.mean(axis=stretched, keepdims=True) if stretched else gradient


def unbroadcast_from_the_left(gradient, shape):
    """Compares shapes from the left where that fits: wrong for (3,) out of (3, 3)."""
    if gradient.shape[: len(shape)] == shape:
        return gradient.sum(axis=tuple(range(len(shape), gradient.ndim)))
    gradient = gradient.sum(axis=tuple(range(gradient.ndim - len(shape))))
    return gradient.sum(axis=tuple(axis for axis, size in enumerate(shape) if size == 1), keepdims=True)


def unbroadcast_first_times_count(gradient, shape):
    """Takes one of the repeated gradients times their number: right where all are equal."""
    padded = (1,) * (gradient.ndim - len(shape)) + tuple(shape)
    for axis, size in enumerate(padded):
        if size == 1:
            gradient = gradient.take([0], axis=axis) * gradient.shape[axis]
    return gradient.reshape(shape)


def unbroadcast_reshapes_the_callers_array(gradient, shape):
    """Sets the shape of the array that it was given: the values are right, and the caller's array has become a table."""
    if gradient.ndim > len(shape):
        gradient.shape = (-1, *gradient.shape[gradient.ndim - len(shape) :])
        gradient = gradient.sum(axis=0)
    return gradient.sum(axis=tuple(axis for axis, size in enumerate(shape) if size == 1), keepdims=True)


def unbroadcast_only_the_first_stretched(gradient, shape):
    """Sums one stretched axis and takes the first entry of any other."""
    gradient = gradient.sum(axis=tuple(range(gradient.ndim - len(shape))))
    stretched = [axis for axis, size in enumerate(shape) if size == 1]
    for place, axis in enumerate(stretched):
        gradient = gradient.take([0], axis=axis) if place else gradient.sum(axis=axis, keepdims=True)
    return gradient


def unbroadcast_through_float32(gradient, shape):
    """Adds up in float32."""
    gradient = gradient.sum(axis=tuple(range(gradient.ndim - len(shape))), dtype=np.float32).astype(gradient.dtype)
    return gradient.sum(axis=tuple(axis for axis, size in enumerate(shape) if size == 1), keepdims=True)


def unbroadcast_from_the_back(gradient, shape):
    """Sums the last axis away while there are too many: on squares the shape is right."""
    while gradient.ndim > len(shape):
        gradient = gradient.sum(axis=-1 if gradient.shape[0] == gradient.shape[-1] else 0)
    return gradient.sum(axis=tuple(axis for axis, size in enumerate(shape) if size == 1), keepdims=True)


def unbroadcast_in_a_table(gradient, shape, kept={}):  # noqa: B006  that is the mistake
    """Keeps its results by shape: the second gradient of a shape is the first one's."""
    key = gradient.shape, tuple(shape)
    if key not in kept:
        kept[key] = _summed_to(gradient, shape)
    return kept[key]


def _summed_to(gradient, shape):
    gradient = gradient.sum(axis=tuple(range(gradient.ndim - len(shape))))
    return gradient.sum(axis=tuple(axis for axis, size in enumerate(shape) if size == 1), keepdims=True)


def _postorder(root, seen, key=lambda node: node, wanted=lambda node: True):
    order, stack = [], [(root, False)]
    while stack:
        node, done = stack.pop()
        if done:
            order.append(node)
        elif key(node) not in seen and wanted(node):
            seen.add(key(node))
            stack.append((node, True))
            stack.extend((source, False) for source in node.inputs)
    return order


def order_by_array(root):
    """Knows nodes by their arrays: of two Tensors that share one array, one is missing."""
    return _postorder(root, set(), key=lambda node: id(node.data))


def order_by_value(root):
    """Knows nodes by their values: of two Tensors with equal values, one is missing."""
    return _postorder(root, set(), key=lambda node: (node.data.shape, node.data.tobytes()))


def order_that_remembers(root, seen=set()):  # noqa: B006  that is the mistake
    """Keeps what it has seen from one call to the next: the second call finds nothing."""
    return _postorder(root, seen)


def order_without_constants(root):
    """Leaves out the constants."""
    return _postorder(root, set(), wanted=lambda node: node.requires_grad)


def order_of_a_thousand(root):
    """Stops after a thousand nodes."""
    return _postorder(root, set())[-1000:]


def order_that_marks(root):
    """Marks the Tensors themselves and never takes the marks away: the second call finds nothing."""
    order, stack = [], [(root, False)]
    while stack:
        node, done = stack.pop()
        if done:
            order.append(node)
        elif not getattr(node, "visited", False):
            node.visited = True
            stack.append((node, True))
            stack.extend((source, False) for source in node.inputs)
    return order


def order_that_cuts_the_graph(root):
    """Takes the inputs away from the nodes that it has dealt with."""
    order = _postorder(root, set())
    for node in order:
        node.inputs = ()
    return order


def order_once(root):
    """An iterator and no list: whoever goes through it twice finds nothing."""
    return iter(_postorder(root, set()))


def order_by_users(root):
    """Waits for as many arrivals as a node has users, where x · x is one user and arrives twice."""
    users = {}
    for node in _postorder(root, set()):
        for source in node.inputs:
            users.setdefault(source, set()).add(node)
    left, order, ready = {node: len(them) for node, them in users.items()}, [], [root]
    while ready:
        node = ready.pop()
        order.append(node)
        for source in node.inputs:
            left[source] -= 1
            if left[source] == 0:
                ready.append(source)
    return order[::-1]


def _walk(loss, sends=lambda gradient: gradient):
    """The leaves and what arrives at them."""
    arrived, at_leaves = {loss: np.ones_like(loss.data)}, {}
    for node in reversed(_postorder(loss, set())):
        if not node.requires_grad:
            continue
        dy = arrived.pop(node)
        if node.step_back is None:
            at_leaves[node] = dy
            continue
        for source, gradient in zip(node.inputs, node.step_back(dy), strict=True):
            if source.requires_grad:
                arrived[source] = arrived[source] + sends(gradient) if source in arrived else sends(gradient)
    return at_leaves


def _one_number(loss):
    if loss.data.size != 1:
        raise ValueError(f"a gradient starts from one number; this Tensor has shape {loss.data.shape}")


def backward_into_the_old_array(loss):
    """Adds in place to the .grad that is there: whoever kept the first gradient sees it change."""
    _one_number(loss)
    for leaf, dy in _walk(loss).items():
        if leaf.grad is None:
            leaf.grad = np.array(dy)
        else:
            leaf.grad += dy


def backward_without_zeros(loss):
    """Skips gradients that are all zero: their leaves keep None instead of zeros."""
    _one_number(loss)
    for leaf, dy in _walk(loss).items():
        if np.any(dy):
            leaf.grad = np.array(dy if leaf.grad is None else leaf.grad + dy)


def backward_clipped(loss):
    """Clips what a node receives to -10 … 10."""
    _one_number(loss)
    for leaf, dy in _walk(loss, sends=lambda gradient: np.clip(gradient, -10, 10)).items():
        leaf.grad = np.array(dy if leaf.grad is None else leaf.grad + dy)


def backward_once(loss):
    """Takes the graph apart when it is done, so that there is no second call."""
    _one_number(loss)
    nodes = _postorder(loss, set())
    for leaf, dy in _walk(loss).items():
        leaf.grad = np.array(dy if leaf.grad is None else leaf.grad + dy)
    for node in nodes:
        node.step_back, node.inputs = None, ()


def backward_with_old_sums(loss):
    """Keeps the sums between on the nodes and never clears them: the second call counts the first once more."""
    _one_number(loss)
    loss.kept = np.ones_like(loss.data)
    for node in reversed(_postorder(loss, set())):
        if not node.requires_grad:
            continue
        if node.step_back is None:
            node.grad = np.array(node.kept)
            continue
        for source, gradient in zip(node.inputs, node.step_back(node.kept), strict=True):
            if source.requires_grad:
                source.kept = source.kept + gradient if hasattr(source, "kept") else gradient


def backward_per_use(loss):
    """Divides what a leaf receives by the number of its uses."""
    _one_number(loss)
    nodes = _postorder(loss, set())
    for leaf, dy in _walk(loss).items():
        uses = max(1, sum(source is leaf for node in nodes for source in node.inputs))
        leaf.grad = np.array(dy / uses if leaf.grad is None else leaf.grad + dy / uses)


def backward_that_averages_losses(loss):
    """Takes the mean over a .grad that was there before and the new gradient."""
    _one_number(loss)
    for leaf, dy in _walk(loss).items():
        leaf.grad = np.array(dy if leaf.grad is None else (leaf.grad + dy) / 2)


# Lesson 03: gradient checking


def _measured(function, x, dy, h=1e-5):
    gradient = np.zeros(x.shape)
    for place in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[place] += h
        down[place] -= h
        gradient[place] = ((function(up)[0] * dy).sum() - (function(down)[0] * dy).sum()) / (2 * h)
    return gradient


def measured_with_half_a_step(function, x, dy, h=1e-5):
    """Steps by h / 2 to both sides."""
    return _measured(function, x, dy, h / 2)


def measured_in_an_array_of_float32(function, x, dy, h=1e-5):
    """Stores the slopes in float32."""
    return _measured(function, x, dy, h).astype(np.float32).astype(np.float64)


def measured_as_mean(function, x, dy, h=1e-5):
    """The mean of y · dy times the size of x: right where y has as many entries as x."""
    gradient = np.zeros(x.shape)
    for place in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[place] += h
        down[place] -= h
        gradient[place] = ((function(up)[0] * dy).mean() - (function(down)[0] * dy).mean()) * x.size / (2 * h)
    return gradient


def measured_by_rows(function, x, dy, h=1e-5):
    """Moves a whole row at once where there is more than one axis."""
    gradient = np.zeros(x.shape)
    for i in range(len(x)):
        up, down = x.copy(), x.copy()
        up[i] += h
        down[i] -= h
        gradient[i] = ((function(up)[0] * dy).sum() - (function(down)[0] * dy).sum()) / (2 * h)
    return gradient


def measured_and_rounded(function, x, dy, h=1e-5):
    """Rounds the slopes to six places."""
    return np.round(_measured(function, x, dy, h), 6)


def measured_into_one_array(function, x, dy, h=1e-5, kept={}):  # noqa: B006  that is the mistake
    """Returns the same array for each x of a shape: the next call overwrites what this one returned."""
    gradient = kept.setdefault(x.shape, np.zeros(x.shape))
    gradient[...] = _measured(function, x, dy, h)
    return gradient


def measured_but_not_at_zero(function, x, dy, h=1e-5):
    """Leaves out entries that are 0, as if nothing could come from them."""
    return np.where(x == 0, 0, _measured(function, x, dy, h))


def measured_with_a_relative_step(function, x, dy, h=1e-5):
    """Makes the step larger for large entries, and divides by 2h all the same."""
    gradient = np.zeros(x.shape)
    for place in np.ndindex(x.shape):
        step = h * max(1.0, abs(x[place]))
        up, down = x.copy(), x.copy()
        up[place] += step
        down[place] -= step
        gradient[place] = ((function(up)[0] * dy).sum() - (function(down)[0] * dy).sum()) / (2 * h)
    return gradient


def measured_flat(function, x, dy, h=1e-5):
    """Returns the slopes in one long row."""
    return _measured(function, x, dy, h).reshape(-1)


def measured_in_the_callers_array(function, x, dy, h=1e-5):
    """Moves the caller's entries and puts the numbers back, but for the last one."""
    gradient = np.zeros(x.shape)
    for place in np.ndindex(x.shape):
        before, losses = x[place], []
        for step in (h, -h):
            x[place] = before + step
            losses.append((function(x)[0] * dy).sum())
        gradient[place] = (losses[0] - losses[1]) / (2 * h)
        if place != tuple(size - 1 for size in x.shape):
            x[place] = before
    return gradient


def measured_without_negative_slopes(function, x, dy, h=1e-5):
    """Takes the slopes of the size of the loss, which is wrong where the loss is negative."""
    gradient = np.zeros(x.shape)
    for place in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[place] += h
        down[place] -= h
        gradient[place] = (abs((function(up)[0] * dy).sum()) - abs((function(down)[0] * dy).sum())) / (2 * h)
    return gradient


def _checked(function, x, rng, judge, h=1e-5):
    x = x.astype(np.float64)
    y, backward = function(x)
    dy = rng.standard_normal(y.shape)
    dx = backward(dy)
    return judge(dx, x, _measured(function, x, dy, h)) if dx.shape == x.shape else math.inf


def verdict_over_at_least_one(function, x, rng):
    """Divides by 1 where all slopes are smaller: hides errors in small gradients."""
    return _checked(function, x, rng, lambda dx, x, m: np.abs(dx - m).max() / max(1.0, np.abs(m).max()))


def verdict_capped(function, x, rng):
    """Never more than 1."""
    return _checked(function, x, rng, lambda dx, x, m: min(1.0, np.abs(dx - m).max() / np.abs(m).max()))


def verdict_one_for_a_wrong_shape(function, x, rng):
    """Gives 1 and not inf for a wrong shape."""
    error = _checked(function, x, rng, lambda dx, x, m: np.abs(dx - m).max() / np.abs(m).max())
    return 1.0 if error == math.inf else error


def verdict_without_nan(function, x, rng):
    """Passes over entries that are nan."""
    return _checked(function, x, rng, lambda dx, x, m: np.nanmax(np.abs(dx - m)) / np.abs(m).max())


def verdict_of_the_first_entries(function, x, rng):
    """Looks at the first two entries only."""
    return _checked(function, x, rng, lambda dx, x, m: np.abs(dx - m).reshape(-1)[:2].max() / np.abs(m).max())


def verdict_of_both_sums(function, x, rng):
    """Over the sum of both gradients, as other courses do: half of what was asked for."""
    return _checked(function, x, rng, lambda dx, x, m: np.abs(dx - m).max() / (np.abs(dx).max() + np.abs(m).max()))


def verdict_with_a_large_step(function, x, rng):
    """Measures with h = 0.001, too rough to tell right from wrong at 1e-7."""
    return _checked(function, x, rng, lambda dx, x, m: np.abs(dx - m).max() / np.abs(m).max(), 1e-3)


def verdict_yes_or_no(function, x, rng):
    """1 or 0 and not how wrong: np.allclose, which lets a part in 100,000 pass."""
    return _checked(function, x, rng, lambda dx, x, m: 0.0 if np.allclose(dx, m) else 1.0)


def verdict_with_a_positive_dy(function, x, rng):
    """A dy between 1 and 1.001, nearly the lazy choice."""
    x = x.astype(np.float64)
    y, backward = function(x)
    dy = rng.uniform(1, 1.001, y.shape)
    dx = backward(dy)
    if dx.shape != x.shape:
        return math.inf
    measured = _measured(function, x, dy)
    return np.abs(dx - measured).max() / np.abs(measured).max()


def verdict_with_its_own_draws(function, x, rng):
    """Does not draw from rng: every check has the same dy."""
    return _checked(function, x, np.random.default_rng(0), lambda dx, x, m: np.abs(dx - m).max() / np.abs(m).max())


# Lesson 04: Linear


def linear_turned_on_squares(x, weight, bias):
    """The transposed dweight where the weight is square."""
    y, right = ops.linear.forward(x, weight, bias)

    def backward(dy):
        dx, dweight, dbias = right(dy)
        return dx, dweight.T if weight.shape[0] == weight.shape[1] else dweight, dbias

    return y, backward


def linear_untransposed_on_squares(x, weight, bias):
    """Forgets to transpose for dx where the weight is square."""
    y, right = ops.linear.forward(x, weight, bias)

    def backward(dy):
        dx, dweight, dbias = right(dy)
        return dy @ weight if weight.shape[0] == weight.shape[1] else dx, dweight, dbias

    return y, backward


def linear_with_mean_over_tokens(x, weight, bias):
    """Averages dweight over the tokens where there is an axis of tokens."""
    y, right = ops.linear.forward(x, weight, bias)

    def backward(dy):
        dx, dweight, dbias = right(dy)
        return dx, dweight / (dy.shape[-2] if dy.ndim > 2 else 1), dbias

    return y, backward


def linear_that_reshapes_x(x, weight, bias):
    """Sets the shape of the x that it was given: the numbers are right, and the caller's x has lost its axes."""
    y, right = ops.linear.forward(x, weight, bias)

    def backward(dy):
        gradients, dx_shape = right(dy), x.shape
        x.shape = (-1, x.shape[-1])
        return gradients[0].reshape(dx_shape), *gradients[1:]

    return y, backward


def linear_that_reshapes_dy(x, weight, bias):
    """Sets the shape of the dy that it was given: the numbers are right, and the caller's dy has lost its axes."""
    y, right = ops.linear.forward(x, weight, bias)

    def backward(dy):
        gradients = right(dy)
        dy.shape = (-1, dy.shape[-1])
        return gradients

    return y, backward


def linear_of_the_last_forward(x, weight, bias):
    """Keeps x on the function: dweight belongs to whichever forward ran last."""
    y, right = ops.linear.forward(x, weight, bias)
    linear_of_the_last_forward.x = x

    def backward(dy):
        rows = linear_of_the_last_forward.x.reshape(-1, weight.shape[0])
        dx, _, dbias = right(dy)
        return dx, rows.T @ dy.reshape(-1, weight.shape[1]), dbias

    return y, backward


def linear_of_the_first_weight(x, weight, bias, kept={}):  # noqa: B006  that is the mistake
    """Transposes each shape of weight once and keeps it: dx is that of the first weight of its shape and dtype."""
    y, right = ops.linear.forward(x, weight, bias)
    turned = kept.setdefault((weight.shape, weight.dtype), weight.T.copy())
    return y, lambda dy: (dy @ turned, *right(dy)[1:])


def linear_with_bias_down_the_rows(x, weight, bias):
    """Adds the bias to the rows where there are as many rows as outputs."""
    y, right = ops.linear.forward(x, weight, bias)
    if x.ndim == 2 and len(x) == len(bias):
        y = x @ weight + bias[:, None]
    return y, right


def linear_with_dbias_from_one_sum(x, weight, bias):
    """Sums everything for dbias where x is one row without a batch, (in,)."""
    y, right = ops.linear.forward(x, weight, bias)

    def backward(dy):
        dx, dweight, dbias = right(dy)
        return dx, dweight, dbias if dy.ndim > 1 else np.full_like(dbias, dbias.sum())

    return y, backward


def linear_with_rows_as_they_lie(x, weight, bias):
    """Flattens x in the order of memory: right but for an x that was transposed."""
    y, right = ops.linear.forward(x, weight, bias)

    def backward(dy):
        dx, _, dbias = right(dy)
        return dx, x.ravel(order="K").reshape(-1, weight.shape[0]).T @ dy.reshape(-1, weight.shape[1]), dbias

    return y, backward


def linear_with_decay(x, weight, bias):
    """Adds a little of the weight to dweight, which is the business of training."""
    y, right = ops.linear.forward(x, weight, bias)

    def backward(dy):
        dx, dweight, dbias = right(dy)
        return dx, dweight + 1e-4 * weight, dbias

    return y, backward


def linear_with_clipped_gradients(x, weight, bias):
    """Clips all gradients to -1 … 1."""
    y, right = ops.linear.forward(x, weight, bias)
    return y, lambda dy: tuple(np.clip(gradient, -1, 1) for gradient in right(dy))


def linear_with_dbias_in_float64(x, weight, bias):
    """Sums with a row of ones of float64: dbias is float64 where dy is float32."""
    y, right = ops.linear.forward(x, weight, bias)

    def backward(dy):
        dx, dweight, _ = right(dy)
        rows = dy.reshape(-1, weight.shape[1])
        return dx, dweight, np.ones(len(rows)) @ rows

    return y, backward


def linear_with_dweight_through_float16(x, weight, bias):
    """Multiplies for dweight in float16, as in mixed precision."""
    y, right = ops.linear.forward(x, weight, bias)

    def backward(dy):
        dx, _, dbias = right(dy)
        rows, dy_rows = x.reshape(-1, weight.shape[0]), dy.reshape(-1, weight.shape[1])
        return dx, (rows.astype(np.float16).T @ dy_rows.astype(np.float16)).astype(x.dtype), dbias

    return y, backward


def linear_with_one_entry_off(x, weight, bias):
    """Wrong by a hundredth of a percent, in the last entry of dweight only."""
    y, right = ops.linear.forward(x, weight, bias)

    def backward(dy):
        dx, dweight, dbias = right(dy)
        dweight[-1, -1] *= 1.0001
        return dx, dweight, dbias

    return y, backward


def linear_with_sums_that_grow(x, weight, bias):
    """Adds to the dweight of its last backward, which the caller should do."""
    y, right = ops.linear.forward(x, weight, bias)
    total = np.zeros_like(weight)

    def backward(dy):
        nonlocal total
        dx, dweight, dbias = right(dy)
        total = total + dweight
        return dx, total, dbias

    return y, backward


def linear_without_the_batch_of_one(x, weight, bias):
    """Squeezes axes of length 1 away: dx has lost one where the batch is one."""
    y, right = ops.linear.forward(x, weight, bias)

    def backward(dy):
        dx, dweight, dbias = right(dy)
        return dx.squeeze(), dweight, dbias

    return y, backward


def linear_detached(x, weight, bias):
    """Returns zeros for dx, as if nothing came before."""
    y, right = ops.linear.forward(x, weight, bias)
    return y, lambda dy: (np.zeros_like(x), *right(dy)[1:])


# Lesson 05: GELU


def _gate(x):
    return 0.5 * (1 + erf(x / math.sqrt(2)))


def _density(x):
    return np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)


def gelu_with_gate_from_y(x):
    """Gets the gate back as y / x, which is nan where x is 0."""
    y = x * _gate(x)
    return y, lambda dy: dy * (y / x + x * _density(x))


def gelu_with_a_series(x):
    """A well-known polynomial in place of erf, right to seven places."""
    z = np.abs(x) / math.sqrt(2)
    t = 1 / (1 + 0.3275911 * z)
    series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    gate = 0.5 * (1 + np.sign(x) * (1 - series * np.exp(-z * z)))
    return x * gate, lambda dy: dy * (gate + x * _density(x))


def gelu_with_a_slope_of_at_most_one(x):
    """Keeps the slope between 0 and 1, as for a probability: GELU's is larger near 1.4 and negative below -0.75."""
    return x * _gate(x), lambda dy: dy * np.clip(_gate(x) + x * _density(x), 0, 1)


def gelu_cut_off(x):
    """Takes x below -2 for nothing at all, forward and backward."""
    alive = x > -2
    return np.where(alive, x * _gate(x), 0 * x), lambda dy: np.where(alive, dy * (_gate(x) + x * _density(x)), 0 * dy)


def gelu_of_the_last_forward(x):
    """Keeps x on the function: backward belongs to whichever forward ran last."""
    gelu_of_the_last_forward.x = x

    def backward(dy):
        last = gelu_of_the_last_forward.x
        return dy * (_gate(last) + last * _density(last))

    return x * _gate(x), backward


def gelu_that_uses_up_its_gate(x):
    """Adds into the gate that it keeps: the second backward is wrong."""
    gate = _gate(x)
    y = x * gate

    def backward(dy):
        nonlocal gate
        gate += x * _density(x)
        return dy * gate

    return y, backward


def gelu_that_returns_its_gate(x):
    """Makes y in the array of the gate, which backward then takes for the gate."""
    gate = _gate(x)
    y = gate
    y *= x
    return y, lambda dy: dy * (gate + x * _density(x))


def gelu_with_short_constants(x):
    """The root of 2π as 2.5066, its fifth place missing."""
    return x * _gate(x), lambda dy: dy * (_gate(x) + x * np.exp(-0.5 * x * x) / 2.5066)


def gelu_with_a_short_root(x):
    """The root of 2 as 1.4142."""
    gate = 0.5 * (1 + erf(x / 1.4142))
    return x * gate, lambda dy: dy * (gate + x * _density(x))


def gelu_with_measured_slopes(x):
    """Measures the slope with a step of 1e-5: good in float64, noise in float32."""
    return x * _gate(x), lambda dy: dy * ((x + 1e-5) * _gate(x + 1e-5) - (x - 1e-5) * _gate(x - 1e-5)) / 2e-5


def gelu_with_slopes_through_float16(x):
    """Computes the slope in float16, as in mixed precision, and gives it back in the dtype of x."""

    def backward(dy):
        rough = x.astype(np.float16).astype(x.dtype)
        return dy * (_gate(rough) + rough * _density(rough)).astype(np.float16).astype(x.dtype)

    return x * _gate(x), backward


def gelu_with_one_entry_off(x):
    """Wrong by a hundredth of a percent, in the last entry of dx only."""

    def backward(dy):
        dx = dy * (_gate(x) + x * _density(x))
        dx.reshape(-1)[-1:] *= 1.0001
        return dx

    return x * _gate(x), backward


def gelu_without_sign(x):
    """The bell at |x| times |x|: right for positive x."""
    return x * _gate(x), lambda dy: dy * (_gate(x) + np.abs(x) * _density(x))


def gelu_of_positive_gradients(x):
    """Lets only positive dy pass."""
    return x * _gate(x), lambda dy: np.maximum(dy, 0) * (_gate(x) + x * _density(x))


def gelu_of_a_mean_gradient(x):
    """Averages dy over the rows where there is more than one axis."""

    def backward(dy):
        dy = np.broadcast_to(dy.mean(axis=0, keepdims=True), dy.shape) if dy.ndim > 1 else dy
        return dy * (_gate(x) + x * _density(x))

    return x * _gate(x), backward


def gelu_that_pulls_to_float64(x):
    """np.sqrt of a whole number on the way back: dx is float64 where x is float32."""
    return x * _gate(x), lambda dy: dy * (_gate(x) + x * np.exp(-0.5 * x * x) / np.sqrt(2 * np.pi))


def gelu_that_overflows(x):
    """Divides exp(x² / 2) by itself squared: inf over inf for large x."""
    grown = np.exp(0.5 * x * x)
    return x * _gate(x), lambda dy: dy * (_gate(x) + x * grown / (grown * grown) / math.sqrt(2 * math.pi))


def gelu_detached(x):
    """Takes the gate for a constant once the gradient is small: no bell beyond |x| > 1."""
    return x * _gate(x), lambda dy: dy * (_gate(x) + np.where(np.abs(x) > 1, 0 * x, x * _density(x)))


# Lesson 06: softmax and cross-entropy


def softmax_shifted_by_the_last_axis(x, axis=-1):
    """Takes the largest number along the last axis for the shift, whatever axis is."""
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    p = e / e.sum(axis=axis, keepdims=True)
    return p, lambda dy: p * (dy - (dy * p).sum(axis=axis, keepdims=True))


def softmax_with_a_small_number_below(x, axis=-1):
    """Adds 1e-8 to the sum against division by zero, which cannot happen."""
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    p = e / (e.sum(axis=axis, keepdims=True) + 1e-8)
    return p, lambda dy: p * (dy - (dy * p).sum(axis=axis, keepdims=True))


def softmax_of_clipped_scores(x, axis=-1):
    """Clips the scores to -500 … 500 instead of a shift: 10,000 and 9,000 come out alike."""
    e = np.exp(np.clip(x, -500, 500))
    p = e / e.sum(axis=axis, keepdims=True)
    return p, lambda dy: p * (dy - (dy * p).sum(axis=axis, keepdims=True))


def softmax_without_certainty(x, axis=-1):
    """Keeps each probability between 1e-7 and 1 - 1e-7."""
    p, right = ops.softmax.forward(x, axis)
    return np.clip(p, 1e-7, 1 - 1e-7), right


def softmax_with_zeros_masked(x, axis=-1):
    """Takes scores of exactly 0 for padding, and gives them no probability."""
    e = np.where(x == 0, 0 * x, np.exp(x - x.max(axis=axis, keepdims=True)))
    p = e / e.sum(axis=axis, keepdims=True)
    return p, lambda dy: p * (dy - (dy * p).sum(axis=axis, keepdims=True))


def softmax_of_the_last_forward(x, axis=-1):
    """Keeps p on the function: backward belongs to whichever forward ran last."""
    softmax_of_the_last_forward.p, _ = ops.softmax.forward(x, axis)

    def backward(dy):
        p = softmax_of_the_last_forward.p
        return p * (dy - (dy * p).sum(axis=axis, keepdims=True))

    return softmax_of_the_last_forward.p, backward


def softmax_that_uses_up_p(x, axis=-1):
    """Multiplies into a p of its own that it keeps: the second backward is wrong."""
    p, _ = ops.softmax.forward(x, axis)
    kept = p.copy()

    def backward(dy):
        nonlocal kept
        inner = dy - (dy * kept).sum(axis=axis, keepdims=True)
        kept *= inner
        return kept

    return p, backward


def softmax_with_the_mean_subtracted(x, axis=-1):
    """Subtracts the plain mean of dy · p, and not its sum."""
    p, _ = ops.softmax.forward(x, axis)
    return p, lambda dy: p * (dy - (dy * p).mean(axis=axis, keepdims=True) * 1.0)


def softmax_rounded(x, axis=-1):
    """Rounds the probabilities to seven places."""
    p, right = ops.softmax.forward(x, axis)
    return np.round(p, 7), right


def softmax_cooled(x, axis=-1):
    """Divides the scores by 1.0001, a temperature that nobody asked for."""
    p, right = ops.softmax.forward(x / 1.0001, axis)
    return p, lambda dy: right(dy) / 1.0001


def softmax_with_a_gradient_through_float32(x, axis=-1):
    """Sums dy · p in float32."""
    p, _ = ops.softmax.forward(x, axis)
    return p, lambda dy: p * (dy - (dy * p).sum(axis=axis, keepdims=True, dtype=np.float32).astype(x.dtype))


def softmax_of_one_group(x, axis=-1):
    """Lets all axes but the first sum to 1 where there are three."""
    if x.ndim < 3:
        return ops.softmax.forward(x, axis)
    p, right = ops.softmax.forward(x.reshape(len(x), -1), -1)
    return p.reshape(x.shape), lambda dy: right(dy.reshape(len(dy), -1)).reshape(x.shape)


def loss_with_a_small_number_in_the_logarithm(logits, labels, label_smoothing=0.0):
    """ln(p + 1e-9): right to nine places, and far too low a loss for a p of nearly 0."""
    _, right = ops.cross_entropy.forward(logits, labels, label_smoothing)
    batch, classes = logits.shape
    p, _ = ops.softmax.forward(logits)
    t = np.full_like(p, label_smoothing / classes)
    t[np.arange(batch), labels] += 1 - label_smoothing
    return -(t * np.log(p + 1e-9)).sum() / batch, right


def loss_of_clipped_probabilities(logits, labels, label_smoothing=0.0):
    """Keeps each p above 1e-15: no loss is larger than 34.5."""
    _, right = ops.cross_entropy.forward(logits, labels, label_smoothing)
    batch, classes = logits.shape
    p, _ = ops.softmax.forward(logits)
    t = np.full_like(p, label_smoothing / classes)
    t[np.arange(batch), labels] += 1 - label_smoothing
    return -(t * np.log(np.maximum(p, 1e-15))).sum() / batch, right


def loss_capped(logits, labels, label_smoothing=0.0):
    """A loss of at most 100."""
    loss, right = ops.cross_entropy.forward(logits, labels, label_smoothing)
    return np.minimum(loss, np.asarray(100, logits.dtype)), right


def loss_without_dy_of_a_batch_of_one(logits, labels, label_smoothing=0.0):
    """Does not multiply by dy where there is one image."""
    loss, right = ops.cross_entropy.forward(logits, labels, label_smoothing)
    return loss, lambda dy: right(np.ones_like(dy) if len(logits) == 1 else dy)


def loss_of_positive_dy(logits, labels, label_smoothing=0.0):
    """Takes dy without its sign."""
    loss, right = ops.cross_entropy.forward(logits, labels, label_smoothing)
    return loss, lambda dy: right(abs(dy))


def loss_of_the_last_forward(logits, labels, label_smoothing=0.0):
    """Keeps p on the function: backward belongs to whichever forward ran last."""
    loss, loss_of_the_last_forward.right = ops.cross_entropy.forward(logits, labels, label_smoothing)
    return loss, lambda dy: loss_of_the_last_forward.right(dy)


def loss_as_a_row(logits, labels, label_smoothing=0.0):
    """A loss of shape (1,), not one number."""
    loss, right = ops.cross_entropy.forward(logits, labels, label_smoothing)
    return np.array([loss]), lambda dy: right(dy)


def loss_in_float64(logits, labels, label_smoothing=0.0):
    """Computes with the targets in float64: the loss is no float32."""
    loss, right = ops.cross_entropy.forward(logits.astype(np.float64), labels, label_smoothing)
    return loss, lambda dy: (right(dy)[0].astype(logits.dtype), None)


def loss_that_uses_up_p(logits, labels, label_smoothing=0.0):
    """Subtracts the targets from the p that it keeps: the second backward subtracts them twice."""
    loss, _ = ops.cross_entropy.forward(logits, labels, label_smoothing)
    batch, classes = logits.shape
    p = ops.softmax.forward(logits)[0].copy()

    def backward(dy):
        nonlocal p
        p -= label_smoothing / classes
        p[np.arange(batch), labels] -= 1 - label_smoothing
        return p * (dy / batch), None

    return loss, backward


def loss_over_the_classes(logits, labels, label_smoothing=0.0):
    """Divides by the classes and not by the batch: right where both are equal."""
    loss, right = ops.cross_entropy.forward(logits, labels, label_smoothing)
    batch, classes = logits.shape
    factor = batch / classes
    return loss * logits.dtype.type(factor), lambda dy: (right(dy)[0] * factor, None)


def loss_only_of_mistakes(logits, labels, label_smoothing=0.0):
    """Lets no gradient pass for images that are read correctly already."""
    loss, right = ops.cross_entropy.forward(logits, labels, label_smoothing)
    wrong = (logits.argmax(axis=1) != labels).astype(logits.dtype)[:, None]
    return loss, lambda dy: (right(dy)[0] * wrong, None)


def loss_with_classes_balanced(logits, labels, label_smoothing=0.0):
    """Counts images whose label occurs twice half each."""
    loss, right = ops.cross_entropy.forward(logits, labels, label_smoothing)
    often = np.bincount(labels, minlength=logits.shape[1])[labels].astype(logits.dtype)[:, None]
    return loss, lambda dy: (right(dy)[0] / often, None)


def loss_without_a_place_for_labels(logits, labels, label_smoothing=0.0):
    """Forgets the None for the labels: one result and not two."""
    loss, right = ops.cross_entropy.forward(logits, labels, label_smoothing)
    return loss, lambda dy: right(dy)[0]


def loss_with_a_small_penalty(logits, labels, label_smoothing=0.0):
    """Adds 1e-4 of the squared logits, forward and backward."""
    loss, right = ops.cross_entropy.forward(logits, labels, label_smoothing)
    penalty = 1e-4 * (logits * logits).sum() / len(logits)
    return loss + penalty, lambda dy: (right(dy)[0] + 2e-4 * logits * (dy / len(logits)), None)


def loss_of_every_label_once(logits, labels, label_smoothing=0.0):
    """Subtracts the targets from rows found by label, and so from one row only where a label occurs twice."""
    loss, _ = ops.cross_entropy.forward(logits, labels, label_smoothing)
    batch, classes = logits.shape
    p = ops.softmax.forward(logits)[0] - label_smoothing / classes
    for label in np.unique(labels):
        p[np.flatnonzero(labels == label)[0], label] -= 1 - label_smoothing
    return loss, lambda dy: (p * (dy / batch), None)


# Lesson 07: the first training run


def normalise_by_pixel(train_images, test_images):
    """A mean and a spread for each pixel, and not for all together."""
    mean, std = train_images.mean(axis=0), train_images.std(axis=0) + 1e-8
    dtype = train_images.dtype
    return ((train_images - mean) / std).astype(dtype), ((test_images - mean) / std).astype(dtype)


def normalise_with_a_small_number(train_images, test_images):
    """Adds 0.001 to the spread."""
    mean, std = train_images.mean(), train_images.std() + train_images.dtype.type(1e-3)
    return (train_images - mean) / std, (test_images - mean) / std


def normalise_from_0_to_1(train_images, test_images):
    """Between 0 and 1 by the smallest and the largest pixel."""
    low, high = train_images.min(), train_images.max()
    return (train_images - low) / (high - low), (test_images - low) / (high - low)


def normalise_twice_shifted(train_images, test_images):
    """Shifts the test images by what is left of the mean of the training images after they were normalised."""
    train = (train_images - train_images.mean()) / train_images.std()
    return train, (test_images - train.mean()) / train_images.std()


def _parameters(*arrays):
    return [mine.Tensor(np.asarray(array, dtype=np.float32), requires_grad=True) for array in arrays]


def initial_uniform(rng, inputs, hidden, classes):
    """Uniform between -1/√inputs and 1/√inputs: a spread that is too small by the root of 3."""
    limit = 1 / math.sqrt(inputs)
    weight1 = rng.uniform(-limit, limit, (inputs, hidden))
    return _parameters(weight1, np.zeros(hidden), np.zeros((hidden, classes)), np.zeros(classes))


def initial_with_a_little_in_weight2(rng, inputs, hidden, classes):
    """Numbers of size 1e-4 in weight2, against symmetry: the first loss is only nearly ln(classes)."""
    weight1, weight2 = rng.standard_normal((inputs, hidden)), rng.standard_normal((hidden, classes))
    return _parameters(weight1 / math.sqrt(inputs), np.zeros(hidden), 1e-4 * weight2, np.zeros(classes))


def initial_with_one_column(rng, inputs, hidden, classes):
    """Draws one column and repeats it: every hidden unit is the same."""
    weight1 = np.repeat(rng.standard_normal((inputs, 1)) / math.sqrt(inputs), hidden, axis=1)
    return _parameters(weight1, np.zeros(hidden), np.zeros((hidden, classes)), np.zeros(classes))


def initial_with_a_little_bias(rng, inputs, hidden, classes):
    """A bias1 of 0.01, against dead units."""
    weight1 = rng.standard_normal((inputs, hidden)) / math.sqrt(inputs)
    return _parameters(weight1, np.full(hidden, 0.01), np.zeros((hidden, classes)), np.zeros(classes))


def _gradients(parameters, images, labels):
    for parameter in parameters:
        parameter.grad = None
    loss = mine.loss_of(parameters, images, labels)
    loss.backward()
    return loss


def step_that_clears_afterwards(parameters, images, labels, lr):
    """Clears the gradients after the step only: what was there before is counted."""
    loss = mine.loss_of(parameters, images, labels)
    loss.backward()
    for parameter in parameters:
        parameter.data = parameter.data - lr * parameter.grad
        parameter.grad = None
    return float(loss.data)


def step_with_clipped_lengths(parameters, images, labels, lr):
    """Makes long gradients shorter, to a length of 1/2: right while gradients are small."""
    loss = _gradients(parameters, images, labels)
    for parameter in parameters:
        length = max(1.0, float(np.linalg.norm(parameter.grad)) / 0.5)
        parameter.data = parameter.data - lr * parameter.grad / length
    return float(loss.data)


def step_with_momentum(parameters, images, labels, lr, kept={}):  # noqa: B006  that is the mistake
    """Adds a tenth of the last step."""
    loss = _gradients(parameters, images, labels)
    for place, parameter in enumerate(parameters):
        step = lr * parameter.grad
        old = kept.get(place)
        parameter.data = parameter.data - step - (0.1 * old if old is not None and old.shape == step.shape else 0)
        kept[place] = step
    return float(loss.data)


def step_by_step(parameters, images, labels, lr):
    """Computes the gradient anew for each parameter, after the step of the one before."""
    loss = mine.loss_of(parameters, images, labels)
    for parameter in parameters:
        _gradients(parameters, images, labels)
        parameter.data = parameter.data - lr * parameter.grad
    return float(loss.data)


def step_with_decay(parameters, images, labels, lr):
    """Lets the weights shrink by a hundredth of the rate besides."""
    loss = _gradients(parameters, images, labels)
    for parameter in parameters:
        parameter.data = parameter.data - lr * (parameter.grad + 0.01 * parameter.data)
    return float(loss.data)


def step_without_biases(parameters, images, labels, lr):
    """Moves what has two axes only."""
    loss = _gradients(parameters, images, labels)
    for parameter in parameters:
        if parameter.data.ndim > 1:
            parameter.data = parameter.data - lr * parameter.grad
    return float(loss.data)


def accuracy_of_the_first(parameters, images, labels):
    """The share of the first 32 images only."""
    answers = mine.forward(parameters, images[:32]).data.argmax(axis=-1)
    return float((answers == labels[:32]).mean())


def accuracy_of_classes(parameters, images, labels):
    """The mean over the classes of their shares: right where all classes are equally many."""
    right = mine.forward(parameters, images).data.argmax(axis=-1) == labels
    return float(np.mean([right[labels == label].mean() for label in np.unique(labels)]))


def accuracy_down_the_columns(parameters, images, labels):
    """The image that suits each class best, and not the class that suits each image."""
    answers = mine.forward(parameters, images).data.argmax(axis=0)
    return float((answers[labels] == np.arange(len(labels))).mean())


def accuracy_of_the_best_two(parameters, images, labels):
    """Counts the second best answer too."""
    best = np.argsort(mine.forward(parameters, images).data, axis=-1)[:, -2:]
    return float((best == labels[:, None]).any(axis=-1).mean())


def accuracy_rounded(parameters, images, labels):
    """Rounded to two places."""
    return round(float((mine.forward(parameters, images).data.argmax(axis=-1) == labels).mean()), 2)


def accuracy_of_predicted_zeros(parameters, images, labels):
    """Takes answer 0 for 'no answer'."""
    answers = mine.forward(parameters, images).data.argmax(axis=-1)
    return float(((answers == labels) & (answers > 0)).mean())


def _trained(parameters, train_data, test_data, epochs, lr, batch_size, order_of):
    (images, labels), losses, accuracies = train_data, [], []
    for epoch in range(epochs):
        order = order_of(epoch, len(images))
        for start in range(0, len(order), batch_size):
            chosen = order[start : start + batch_size]
            losses.append(train_step(parameters, images[chosen], labels[chosen], lr))
        accuracies.append(accuracy(parameters, *test_data))
    return losses, accuracies


def train_step(parameters, images, labels, lr):
    return mine.train_step(parameters, images, labels, lr)


def accuracy(parameters, images, labels):
    return mine.accuracy(parameters, images, labels)


def train_in_its_own_order(parameters, train_data, test_data, epochs, lr, batch_size, rng):
    """Shuffles with a generator of its own: rng changes nothing."""
    return _trained(
        parameters, train_data, test_data, epochs, lr, batch_size, lambda epoch, n: np.random.default_rng(epoch).permutation(n)
    )


def train_with_shuffled_batches(parameters, train_data, test_data, epochs, lr, batch_size, rng):
    """Shuffles the batches and not the images: the same images always stay together."""

    def order_of(epoch, count):
        starts = rng.permutation(range(0, count - count % batch_size, batch_size))
        whole = [np.arange(start, start + batch_size) for start in starts]
        return np.concatenate([*whole, np.arange(count - count % batch_size, count)])

    return _trained(parameters, train_data, test_data, epochs, lr, batch_size, order_of)


def train_not_in_the_first_epoch(parameters, train_data, test_data, epochs, lr, batch_size, rng):
    """Takes the images as they come in the first epoch, and shuffles from the second on."""

    def order_of(epoch, count):
        return rng.permutation(count) if epoch else np.arange(count)

    return _trained(parameters, train_data, test_data, epochs, lr, batch_size, order_of)


def train_measured_before(parameters, train_data, test_data, epochs, lr, batch_size, rng):
    """Measures the accuracy before each epoch."""
    (images, labels), losses, accuracies = train_data, [], []
    for _ in range(epochs):
        accuracies.append(accuracy(parameters, *test_data))
        order = rng.permutation(len(images))
        for start in range(0, len(images), batch_size):
            chosen = order[start : start + batch_size]
            losses.append(train_step(parameters, images[chosen], labels[chosen], lr))
    return losses, accuracies


def train_with_a_falling_rate(parameters, train_data, test_data, epochs, lr, batch_size, rng):
    """Lets the rate fall from epoch to epoch."""
    losses, accuracies = [], []
    for epoch in range(epochs):
        found = _trained(
            parameters, train_data, test_data, 1, lr / (1 + epoch), batch_size, lambda epoch, count: rng.permutation(count)
        )
        losses, accuracies = losses + found[0], accuracies + found[1]
    return losses, accuracies


def train_that_keeps_the_best(parameters, train_data, test_data, epochs, lr, batch_size, rng):
    """Puts the parameters with the best test accuracy back at the end: the test has chosen them."""
    losses, accuracies, best = [], [], (-1.0, [])
    for _ in range(epochs):
        found = _trained(parameters, train_data, test_data, 1, lr, batch_size, lambda epoch, count: rng.permutation(count))
        losses, accuracies = losses + found[0], accuracies + found[1]
        best = max(best, (accuracies[-1], [parameter.data for parameter in parameters]), key=lambda pair: pair[0])
    for parameter, data in zip(parameters, best[1], strict=False):
        parameter.data = data
    return losses, accuracies


# Lesson 08: LayerNorm


def _standardised(x, eps):
    centred = x - x.mean(axis=-1, keepdims=True)
    sigma = np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + eps)
    return centred / sigma, sigma


def _in_front(dy):
    return tuple(range(dy.ndim - 1))


def _layernorm_dx(g, xhat, sigma):
    return (g - g.mean(axis=-1, keepdims=True) - xhat * (g * xhat).mean(axis=-1, keepdims=True)) / sigma


def layernorm_with_another_eps(x, weight, bias, eps=1e-5):
    """The eps of another library: 1e-5."""
    return ops.layernorm.forward(x, weight, bias, eps)


def layernorm_with_its_own_eps(x, weight, bias, eps=1e-6):
    """Does not use the eps that it is given."""
    return ops.layernorm.forward(x, weight, bias, 1e-6)


def layernorm_back_without_eps(x, weight, bias, eps=1e-6):
    """Forgets eps on the way back: nearly right, and nan for a constant row."""
    y, right = ops.layernorm.forward(x, weight, bias, eps)

    def backward(dy):
        xhat, sigma = _standardised(x, 0)
        return _layernorm_dx(dy * weight, xhat, sigma), *right(dy)[1:]

    return y, backward


def layernorm_by_projection(x, weight, bias, eps=1e-6):
    """Takes away the exact part along x̂, by its own length and not by D: nearly the same, but for eps."""
    y, right = ops.layernorm.forward(x, weight, bias, eps)

    def backward(dy):
        xhat, sigma = _standardised(x, eps)
        g = dy * weight
        length = np.maximum((xhat * xhat).sum(axis=-1, keepdims=True), 1e-30)
        along = xhat * ((g * xhat).sum(axis=-1, keepdims=True) / length)
        return (g - g.mean(axis=-1, keepdims=True) - along) / sigma, *right(dy)[1:]

    return y, backward


def layernorm_with_a_floor(x, weight, bias, eps=1e-6):
    """The larger of variance and eps, and not their sum."""
    centred = x - x.mean(axis=-1, keepdims=True)
    sigma = np.sqrt(np.maximum((centred * centred).mean(axis=-1, keepdims=True), eps))
    xhat = centred / sigma

    def backward(dy):
        return _layernorm_dx(dy * weight, xhat, sigma), (dy * xhat).sum(axis=_in_front(dy)), dy.sum(axis=_in_front(dy))

    return xhat * weight + bias, backward


def layernorm_with_mean_of_squares(x, weight, bias, eps=1e-6):
    """The variance as mean of squares less square of mean: lost to rounding where the mean is large."""
    mean = x.mean(axis=-1, keepdims=True)
    sigma = np.sqrt(np.abs((x * x).mean(axis=-1, keepdims=True) - mean * mean) + eps)
    xhat = (x - mean) / sigma

    def backward(dy):
        return _layernorm_dx(dy * weight, xhat, sigma), (dy * xhat).sum(axis=_in_front(dy)), dy.sum(axis=_in_front(dy))

    return xhat * weight + bias, backward


def layernorm_with_xhat_from_y(x, weight, bias, eps=1e-6):
    """Gets x̂ back from y, which fails where the weight is 0."""
    y, right = ops.layernorm.forward(x, weight, bias, eps)

    def backward(dy):
        xhat, sigma = (y - bias) / weight, _standardised(x, eps)[1]
        return _layernorm_dx(dy * weight, xhat, sigma), (dy * xhat).sum(axis=_in_front(dy)), right(dy)[2]

    return y, backward


def layernorm_that_returns_its_xhat(x, weight, bias, eps=1e-6):
    """Makes y in the array of x̂, which backward then takes for x̂."""
    xhat, sigma = _standardised(x, eps)
    y = xhat
    y *= weight
    y += bias

    def backward(dy):
        return _layernorm_dx(dy * weight, xhat, sigma), (dy * xhat).sum(axis=_in_front(dy)), dy.sum(axis=_in_front(dy))

    return y, backward


def layernorm_that_uses_up_its_xhat(x, weight, bias, eps=1e-6):
    """Multiplies into the x̂ that it keeps: the second backward is wrong."""
    xhat, sigma = _standardised(x, eps)

    def backward(dy):
        nonlocal xhat
        dweight, g = (dy * xhat).sum(axis=_in_front(dy)), dy * weight
        along = (g * xhat).mean(axis=-1, keepdims=True)
        xhat *= along
        return (g - g.mean(axis=-1, keepdims=True) - xhat) / sigma, dweight, dy.sum(axis=_in_front(dy))

    return xhat * weight + bias, backward


def layernorm_of_the_last_forward(x, weight, bias, eps=1e-6):
    """Keeps x̂ and σ on the function: backward belongs to whichever forward ran last."""
    layernorm_of_the_last_forward.kept = _standardised(x, eps)

    def backward(dy):
        xhat, sigma = layernorm_of_the_last_forward.kept
        return _layernorm_dx(dy * weight, xhat, sigma), (dy * xhat).sum(axis=_in_front(dy)), dy.sum(axis=_in_front(dy))

    return _standardised(x, eps)[0] * weight + bias, backward


def layernorm_of_three_axes(x, weight, bias, eps=1e-6):
    """Sums over two axes at most: a fourth is left over and averaged."""
    y, right = ops.layernorm.forward(x, weight, bias, eps)

    def backward(dy):
        dx, dweight, dbias = right(dy)
        return (dx, dweight, dbias) if dy.ndim < 4 else (dx, dweight / dy.shape[-2], dbias / dy.shape[-2])

    return y, backward


def layernorm_of_rows_in_a_batch(x, weight, bias, eps=1e-6):
    """Adds up all numbers where there is only one row without a batch, (D,)."""
    y, right = ops.layernorm.forward(x, weight, bias, eps)

    def backward(dy):
        dx, dweight, dbias = right(dy)
        if dy.ndim > 1:
            return dx, dweight, dbias
        return dx, np.full_like(dweight, dweight.sum()), np.full_like(dbias, dbias.sum())

    return y, backward


def layernorm_of_columns_on_squares(x, weight, bias, eps=1e-6):
    """Normalises down the columns where rows and columns are equally many."""
    y, right = ops.layernorm.forward(x, weight, bias, eps)
    if x.ndim > 1 and x.shape[-1] == x.shape[-2]:
        y = _standardised(x.swapaxes(-1, -2), eps)[0].swapaxes(-1, -2) * weight + bias
    return y, right


def layernorm_without_quiet_rows(x, weight, bias, eps=1e-6):
    """Takes rows whose spread is below 0.05 for constant ones, forward and backward."""
    xhat, sigma = _standardised(x, eps)
    loud = sigma > 0.05
    xhat = np.where(loud, xhat, 0 * x)

    def backward(dy):
        dx = np.where(loud, _layernorm_dx(dy * weight, xhat, sigma), 0 * dy)
        return dx, (dy * xhat).sum(axis=_in_front(dy)), dy.sum(axis=_in_front(dy))

    return xhat * weight + bias, backward


def layernorm_with_statistics_in_float32(x, weight, bias, eps=1e-6):
    """Mean and variance in float32, as in mixed precision, and the rest in the dtype of x."""
    rough = x.astype(np.float32)
    mean = rough.mean(axis=-1, keepdims=True).astype(x.dtype)
    sigma = np.sqrt(rough.var(axis=-1, keepdims=True).astype(x.dtype) + eps)
    xhat = (x - mean) / sigma

    def backward(dy):
        return _layernorm_dx(dy * weight, xhat, sigma), (dy * xhat).sum(axis=_in_front(dy)), dy.sum(axis=_in_front(dy))

    return xhat * weight + bias, backward


def layernorm_without_outliers(x, weight, bias, eps=1e-6):
    """Clips x̂ to -3 … 3."""
    _, right = ops.layernorm.forward(x, weight, bias, eps)
    xhat, _ = _standardised(x, eps)
    return np.clip(xhat, -3, 3) * weight + bias, right


def layernorm_with_mean_of_dy(x, weight, bias, eps=1e-6):
    """Averages dy and not γ·dy for the road through the mean: right where all weights are 1."""
    y, right = ops.layernorm.forward(x, weight, bias, eps)

    def backward(dy):
        xhat, sigma = _standardised(x, eps)
        g = dy * weight
        dx = (g - weight * dy.mean(axis=-1, keepdims=True) - xhat * (g * xhat).mean(axis=-1, keepdims=True)) / sigma
        return dx, *right(dy)[1:]

    return y, backward


def layernorm_with_sums_of_one_image(x, weight, bias, eps=1e-6):
    """Averages dweight and dbias over the batch, and sums over the tokens: right for a batch of one."""
    y, right = ops.layernorm.forward(x, weight, bias, eps)

    def backward(dy):
        dx, dweight, dbias = right(dy)
        batch = dy.shape[0] if dy.ndim > 2 else 1
        return dx, dweight / batch, dbias / batch

    return y, backward


def layernorm_with_a_flat_dx(x, weight, bias, eps=1e-6):
    """Returns dx as rows, (R, D), where x has more axes."""
    y, right = ops.layernorm.forward(x, weight, bias, eps)

    def backward(dy):
        dx, dweight, dbias = right(dy)
        return dx.reshape(-1, x.shape[-1]), dweight, dbias

    return y, backward


def layernorm_that_reshapes_dy(x, weight, bias, eps=1e-6):
    """Sets the shape of the dy that it was given: the numbers are right, and the caller's dy has lost its axes."""
    y, right = ops.layernorm.forward(x, weight, bias, eps)

    def backward(dy):
        dx, dweight, dbias = right(dy)
        dy.shape = (-1, dy.shape[-1])
        return dx, dweight, dbias

    return y, backward


def layernorm_with_sums_that_grow(x, weight, bias, eps=1e-6):
    """Adds to the dweight of its last backward, which the caller should do."""
    y, right = ops.layernorm.forward(x, weight, bias, eps)
    total = np.zeros_like(weight)

    def backward(dy):
        nonlocal total
        dx, dweight, dbias = right(dy)
        total = total + dweight
        return dx, total, dbias

    return y, backward


def layernorm_with_noise(x, weight, bias, eps=1e-6):
    """Adds a little noise to dx, against overfitting."""
    y, right = ops.layernorm.forward(x, weight, bias, eps)

    def backward(dy):
        dx, dweight, dbias = right(dy)
        noise = np.random.default_rng(0).standard_normal(dx.shape).astype(dx.dtype)
        return dx + 1e-4 * noise, dweight, dbias

    return y, backward


def layernorm_with_one_entry_off(x, weight, bias, eps=1e-6):
    """Wrong by a hundredth of a percent, in the first entry of dweight only."""
    y, right = ops.layernorm.forward(x, weight, bias, eps)

    def backward(dy):
        dx, dweight, dbias = right(dy)
        dweight[0] *= 1.0001
        return dx, dweight, dbias

    return y, backward


WRONG = {
    "01": {
        "one_patch": [
            patch_counted_by_height,
            patch_refilled,
            patch_in_float32,
            patch_shifted_after_the_first_row,
        ],
        "average_image": [
            average_by_the_height,
            average_as_median,
            average_running,
            average_in_float32,
        ],
        "gap_table": [
            gaps_of_sorted_positions,
            gaps_of_whole_numbers,
            gaps_from_the_first,
        ],
        "rows_sum_to_one": [
            shares_of_columns_on_squares,
            shares_with_a_small_number_below,
            shares_rounded,
            shares_of_rows_then_of_columns,
        ],
        "side_by_side": [
            strip_of_turned_squares,
            strip_of_one_image,
        ],
        "blend": [
            blend_turned_on_squares,
            blend_of_shares,
            blend_without_the_rows_beyond,
            blend_without_negative_weights,
        ],
        "picked": [
            picked_by_sorted_labels,
            picked_with_0_as_missing,
            picked_without_the_last_class,
        ],
        "scale_scores": [
            scaled_by_a_whole_root,
            scaled_by_a_rounded_root,
            scaled_to_float32,
        ],
    },
    "02": {
        "unbroadcast": [
            unbroadcast_mean_where_stretched,
            unbroadcast_from_the_left,
            unbroadcast_first_times_count,
            unbroadcast_reshapes_the_callers_array,
            unbroadcast_only_the_first_stretched,
            unbroadcast_through_float32,
            unbroadcast_from_the_back,
            unbroadcast_in_a_table,
        ],
        "topological_order": [
            order_by_array,
            order_by_value,
            order_that_remembers,
            order_without_constants,
            order_of_a_thousand,
            order_that_marks,
            order_that_cuts_the_graph,
            order_once,
            order_by_users,
        ],
        "backward": [
            backward_into_the_old_array,
            backward_without_zeros,
            backward_clipped,
            backward_once,
            backward_with_old_sums,
            backward_per_use,
            backward_that_averages_losses,
        ],
    },
    "03": {
        "numeric_gradient": [
            measured_with_half_a_step,
            measured_in_an_array_of_float32,
            measured_as_mean,
            measured_by_rows,
            measured_and_rounded,
            measured_into_one_array,
            measured_but_not_at_zero,
            measured_with_a_relative_step,
            measured_flat,
            measured_in_the_callers_array,
            measured_without_negative_slopes,
        ],
        "check_gradient": [
            verdict_over_at_least_one,
            verdict_capped,
            verdict_one_for_a_wrong_shape,
            verdict_without_nan,
            verdict_of_the_first_entries,
            verdict_of_both_sums,
            verdict_with_a_large_step,
            verdict_yes_or_no,
            verdict_with_a_positive_dy,
            verdict_with_its_own_draws,
        ],
    },
    "04": {
        "linear": [
            linear_turned_on_squares,
            linear_untransposed_on_squares,
            linear_with_mean_over_tokens,
            linear_that_reshapes_x,
            linear_that_reshapes_dy,
            linear_of_the_last_forward,
            linear_of_the_first_weight,
            linear_with_bias_down_the_rows,
            linear_with_dbias_from_one_sum,
            linear_with_rows_as_they_lie,
            linear_with_decay,
            linear_with_clipped_gradients,
            linear_with_dbias_in_float64,
            linear_with_dweight_through_float16,
            linear_with_one_entry_off,
            linear_with_sums_that_grow,
            linear_without_the_batch_of_one,
            linear_detached,
        ],
    },
    "05": {
        "gelu": [
            gelu_with_gate_from_y,
            gelu_with_a_series,
            gelu_with_a_slope_of_at_most_one,
            gelu_cut_off,
            gelu_of_the_last_forward,
            gelu_that_uses_up_its_gate,
            gelu_that_returns_its_gate,
            gelu_with_short_constants,
            gelu_with_a_short_root,
            gelu_with_measured_slopes,
            gelu_with_slopes_through_float16,
            gelu_with_one_entry_off,
            gelu_without_sign,
            gelu_of_positive_gradients,
            gelu_of_a_mean_gradient,
            gelu_that_pulls_to_float64,
            gelu_that_overflows,
            gelu_detached,
        ],
    },
    "06": {
        "softmax": [
            softmax_shifted_by_the_last_axis,
            softmax_with_a_small_number_below,
            softmax_of_clipped_scores,
            softmax_without_certainty,
            softmax_with_zeros_masked,
            softmax_of_the_last_forward,
            softmax_that_uses_up_p,
            softmax_with_the_mean_subtracted,
            softmax_rounded,
            softmax_cooled,
            softmax_with_a_gradient_through_float32,
            softmax_of_one_group,
        ],
        "cross_entropy": [
            loss_with_a_small_number_in_the_logarithm,
            loss_of_clipped_probabilities,
            loss_capped,
            loss_without_dy_of_a_batch_of_one,
            loss_of_positive_dy,
            loss_of_the_last_forward,
            loss_as_a_row,
            loss_in_float64,
            loss_that_uses_up_p,
            loss_over_the_classes,
            loss_only_of_mistakes,
            loss_with_classes_balanced,
            loss_without_a_place_for_labels,
            loss_with_a_small_penalty,
            loss_of_every_label_once,
        ],
    },
    "07": {
        "normalise": [
            normalise_by_pixel,
            normalise_with_a_small_number,
            normalise_from_0_to_1,
            normalise_twice_shifted,
        ],
        "initial_parameters": [
            initial_uniform,
            initial_with_a_little_in_weight2,
            initial_with_one_column,
            initial_with_a_little_bias,
        ],
        "train_step": [
            step_that_clears_afterwards,
            step_with_clipped_lengths,
            step_with_momentum,
            step_by_step,
            step_with_decay,
            step_without_biases,
        ],
        "accuracy": [
            accuracy_of_the_first,
            accuracy_of_classes,
            accuracy_down_the_columns,
            accuracy_of_the_best_two,
            accuracy_rounded,
            accuracy_of_predicted_zeros,
        ],
        "train": [
            train_in_its_own_order,
            train_with_shuffled_batches,
            train_not_in_the_first_epoch,
            train_measured_before,
            train_with_a_falling_rate,
            train_that_keeps_the_best,
        ],
    },
    "08": {
        "layernorm": [
            layernorm_with_another_eps,
            layernorm_with_its_own_eps,
            layernorm_back_without_eps,
            layernorm_by_projection,
            layernorm_with_a_floor,
            layernorm_with_mean_of_squares,
            layernorm_with_xhat_from_y,
            layernorm_that_returns_its_xhat,
            layernorm_that_uses_up_its_xhat,
            layernorm_of_the_last_forward,
            layernorm_of_three_axes,
            layernorm_of_rows_in_a_batch,
            layernorm_of_columns_on_squares,
            layernorm_without_quiet_rows,
            layernorm_with_statistics_in_float32,
            layernorm_without_outliers,
            layernorm_with_mean_of_dy,
            layernorm_with_sums_of_one_image,
            layernorm_with_a_flat_dx,
            layernorm_that_reshapes_dy,
            layernorm_with_sums_that_grow,
            layernorm_with_noise,
            layernorm_with_one_entry_off,
        ],
    },
}
