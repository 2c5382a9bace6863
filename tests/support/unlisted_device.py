"""As unlisted.py, for lesson 18: wrong answers that stand in no list. Nearly all give the right numbers on the host."""

import time

import numpy as np

from minivit.backend import array_module, to_device, to_host

from .unlisted_vit import listed, right

NUMBER = "18"


def loss_with(before=lambda logits, labels, xp: (logits, labels), after=lambda loss, slopes, logits, labels, xp: (loss, slopes)):
    """softmax_loss with its arguments, or its results, changed."""

    def softmax_loss(logits, labels):
        xp = array_module(logits)
        logits, labels = before(logits, labels, xp)
        return after(*right(NUMBER, "softmax_loss")(logits, labels), logits, labels, xp)

    return softmax_loss


def _in_place(logits, labels, xp):
    if xp is not np:
        logits -= logits.max()
    return logits, labels


def _off_by_a_mask(loss, slopes, logits, labels, xp):
    slopes[xp.isnan(slopes)] = 0
    return loss, slopes


def _watched(loss, slopes, logits, labels, xp):
    while loss < 0:
        loss = loss + 1
    return loss, slopes


def _sure_of_it(loss, slopes, logits, labels, xp):
    assert len(labels) < 2 or loss == loss
    return loss, slopes


LOSS = {
    "Takes the largest score off in place on the device alone": loss_with(_in_place),
    "Replaces what is no number by a mask": loss_with(after=_off_by_a_mask),
    "Asks in a while": loss_with(after=_watched),
    "Asserts something of a number of the device": loss_with(after=_sure_of_it),
    "Labels travel home and back": loss_with(lambda logits, labels, xp: (logits, xp.asarray(to_host(labels)))),
    "Labels go through a list": loss_with(lambda logits, labels, xp: (logits, xp.asarray(labels.tolist()))),
    "Everything goes to a GPU by name": loss_with(lambda logits, labels, xp: (to_device(logits, "gpu"), labels)),
    "The slopes come home": loss_with(after=lambda loss, slopes, *_: (loss, to_host(slopes))),
    "The loss is a number of Python's": loss_with(after=lambda loss, slopes, *_: (loss.tolist(), slopes)),
    "The loss is float64 on the device": loss_with(
        after=lambda loss, slopes, logits, labels, xp: (loss if xp is np else loss.astype(xp.float64), slopes)
    ),
    "Other numbers on the device": loss_with(
        after=lambda loss, slopes, logits, labels, xp: (loss, slopes if xp is np else slopes + 1e-3)
    ),
    "A factor in a host array": loss_with(after=lambda loss, slopes, *_: (loss, slopes * np.ones(1, np.float32))),
    "The loss in a list": loss_with(after=lambda loss, slopes, *_: ([loss], slopes)),
    "Only the loss": loss_with(after=lambda loss, slopes, *_: loss),
    "A smoothed label": loss_with(after=lambda loss, slopes, *_: (loss, slopes * 0.9)),
    "Scores are capped": loss_with(lambda logits, labels, xp: (xp.minimum(logits, 1), labels)),
}


def step_with(before=lambda given, xp: given, after=lambda found, given, xp: found):
    """step with its arguments, or its results, changed."""

    def step(weight, bias, images, labels, lr, clip=1.0):
        xp = array_module(weight)
        given = before((weight, bias, images, labels, lr, clip), xp)
        return after(right(NUMBER, "step")(*given), given, xp)

    return step


def _hits(count):
    """The hits counted by count(read, labels, xp)."""

    def after(found, given, xp):
        weight, bias, images, labels, *_ = given
        return (*found[:3], count((images @ weight + bias).argmax(axis=-1), labels, xp))

    return step_with(after=after)


def _one_of(place, change):
    """One of the results changed: change(result, given, xp)."""

    def after(found, given, xp):
        return tuple(change(value, given, xp) if i == place else value for i, value in enumerate(found))

    return step_with(after=after)


def _asks_if_it_fell(loss, given, xp):
    return loss if loss < 100 else loss * 1


def _written_into(found, given, xp):
    if xp is not np:
        given[0][...] = found[0]
    return found


STEP = {
    "Hits by where with one argument": _hits(lambda read, t, xp: xp.asarray(len(xp.where(read == t)[0]))),
    "Hits by unique": _hits(lambda read, t, xp: (read == t).sum() + 0 * xp.unique(read)[0]),
    "Hits by a loop over numbers": _hits(
        lambda read, t, xp: xp.asarray(sum(int(a) == int(b) for a, b in zip(read, t, strict=True)))
    ),
    "Hits by bincount": _hits(lambda read, t, xp: xp.bincount((read == t).astype(int), minlength=2)[1]),
    "Hits with labels of the host": _hits(lambda read, t, xp: (read == np.array(t.tolist())).sum()),
    "Hits as a Python number": _hits(lambda read, t, xp: (read == t).sum().item()),
    "Asks for the loss": _one_of(2, _asks_if_it_fell),
    "The loss goes through a text": _one_of(2, lambda loss, given, xp: loss + 0 * len(str(loss))),
    "Waits for the stream": _one_of(2, lambda loss, given, xp: (xp is np or xp.cuda.get_current_stream().synchronize(), loss)[1]),
    "The weight goes home and back": _one_of(0, lambda weight, given, xp: xp.asarray(to_host(weight))),
    "The bias comes home": _one_of(1, lambda bias, given, xp: to_host(bias)),
    "The weight becomes float64 on the device": _one_of(0, lambda w, given, xp: w if xp is np else w.astype(xp.float64)),
    "Writes into the weight on the device": step_with(after=_written_into),
    "The learning rate is an array of the host's": step_with(
        lambda given, xp: (*given[:4], np.array([given[4]], np.float32), given[5])
    ),
    "The bias stays where it was": _one_of(1, lambda bias, given, xp: given[1] + 0),
    "The clip is always 1": step_with(lambda given, xp: (*given[:5], 1.0)),
    "The loss is that of the first image": _one_of(
        2, lambda loss, given, xp: right(NUMBER, "softmax_loss")(given[2][:1] @ given[0] + given[1], given[3][:1])[0]
    ),
    "Weights decay": _one_of(0, lambda weight, given, xp: weight * 0.99),
    "One image is left out": _hits(lambda read, t, xp: (read[1:] == t[1:]).sum() if len(t) > 1 else (read == t).sum()),
}


def epoch_with(prepare=None, each=lambda found, xp, number: found, end=lambda found, xp: found, fetch=None, cut=None):
    """epoch written out, with one piece exchanged."""

    def epoch(weight, bias, images, labels, rng, lr, batch_size):
        xp, take = array_module(weight), right(NUMBER, "step")
        order = rng.permutation(len(images))
        images, labels, order = (prepare or (lambda xp, *arrays: map(xp.asarray, arrays)))(xp, images, labels, order)
        count, total, hits, losses = len(images), 0, 0, []
        for number, start in enumerate(range(0, count, batch_size)):
            chosen = order[start : start + batch_size]
            x, t = (fetch or (lambda xp, x, t, chosen: (x[chosen], t[chosen])))(xp, images, labels, chosen)
            weight, bias, loss, read = each(take(weight, bias, x, t, lr), xp, number)
            total, hits = total + loss * len(chosen), hits + read
            losses.append(loss * len(chosen))
        if cut:
            total = cut(losses)
        return end((weight, bias, float(total) / count, int(hits) / count), xp)

    return epoch


def _every_third(found, xp, number):
    return (*found[:2], found[2] if number % 3 else float(found[2]), found[3])


def _late(found, xp, number):
    """Looks at the loss after the fifth step only."""
    if number > 5 and found[2] > 50:
        raise ValueError("the loss is too large")
    return found


def _shuffled_in_place(xp, images, labels, order):
    images[...] = images[order]
    return xp.asarray(images), xp.asarray(labels[order]), xp.arange(len(order))


EPOCH = {
    "Every third loss is fetched": epoch_with(each=_every_third),
    "Looks at the loss from the sixth step on": epoch_with(each=_late),
    "The weight goes home after each step": epoch_with(each=lambda f, xp, n: (xp.asarray(to_host(f[0])), *f[1:])),
    "Losses are fetched one by one at the end": epoch_with(cut=lambda losses: sum(float(loss) for loss in losses)),
    "Losses are fetched one by one into NumPy": epoch_with(cut=lambda losses: np.sum([to_host(loss) for loss in losses])),
    "Each batch is sent": epoch_with(
        prepare=lambda xp, *arrays: arrays, fetch=lambda xp, x, t, chosen: (xp.asarray(x[chosen]), xp.asarray(t[chosen]))
    ),
    "Labels are sent batch by batch": epoch_with(
        prepare=lambda xp, x, t, order: (xp.asarray(x[order]), t[order], np.arange(len(order))),
        fetch=lambda xp, x, t, chosen: (x[int(chosen[0]) : int(chosen[-1]) + 1], xp.asarray(t[chosen])),
    ),
    "Images are sent twice": epoch_with(
        prepare=lambda xp, x, t, order: (xp.asarray(x) + 0 * xp.asarray(x), xp.asarray(t), xp.asarray(order))
    ),
    "All batches are indexed from the host": epoch_with(prepare=lambda xp, x, t, order: (xp.asarray(x), xp.asarray(t), order)),
    "The images stay at home": epoch_with(prepare=lambda xp, x, t, order: (x, xp.asarray(t), xp.asarray(order))),
    "The weight comes home at the end": epoch_with(end=lambda found, xp: (to_host(found[0]), *found[1:])),
    "The mean loss is an array": epoch_with(end=lambda found, xp: (*found[:2], xp.asarray(found[2]), found[3])),
    "Shuffles the images that it was given": epoch_with(prepare=_shuffled_in_place),
    "The order is reversed": epoch_with(prepare=lambda xp, x, t, order: map(xp.asarray, (x, t, order[::-1]))),
    "An image comes twice": epoch_with(prepare=lambda xp, x, t, order: map(xp.asarray, (x, t, np.append(order[:-1], order[0])))),
    "The device has an order of its own": epoch_with(
        prepare=lambda xp, x, t, order: (
            xp.asarray(x),
            xp.asarray(t),
            order if xp is np else xp.argsort(xp.random.standard_normal(len(order))),
        )
    ),
    "Labels are in another order than images": epoch_with(
        prepare=lambda xp, x, t, order: map(xp.asarray, (x, t[::-1].copy(), order))
    ),
}


def seconds_with(warm=1, wait_before=True, measured=lambda repeats: repeats, wait_after=True, divided=lambda repeats: repeats):
    """seconds_of with one piece exchanged."""

    def seconds_of(function, clock, synchronize, repeats=10):
        for _ in range(warm):
            function()
        if wait_before:
            synchronize()
        start = clock()
        for _ in range(measured(repeats)):
            function()
        if wait_after:
            synchronize()
        return (clock() - start) / divided(repeats)

    return seconds_of


def _waits_inside_the_measurement(function, clock, synchronize, repeats=10):
    function()
    start = clock()
    synchronize()
    for _ in range(repeats):
        function()
    synchronize()
    return (clock() - start) / repeats


def _fastest(function, clock, synchronize, repeats=10):
    function()
    synchronize()
    found = []
    for _ in range(repeats):
        start = clock()
        function()
        synchronize()
        found.append(clock() - start)
    return min(found)


def _waits_before_the_last(function, clock, synchronize, repeats=10):
    function()
    synchronize()
    start = clock()
    for _ in range(repeats):
        synchronize()
        function()
    return (clock() - start) / repeats


def _rounded(function, clock, synchronize, repeats=10):
    return round(right(NUMBER, "seconds_of")(function, clock, synchronize, repeats), 5)


def _own_clock(function, clock, synchronize, repeats=10):
    return right(NUMBER, "seconds_of")(function, time.perf_counter, synchronize, repeats)


SECONDS = {
    "Ten calls, whatever is asked": seconds_with(measured=lambda repeats: 10, divided=lambda repeats: 10),
    "One call more than is divided by": seconds_with(measured=lambda repeats: repeats + 1),
    "One call less": seconds_with(measured=lambda repeats: max(1, repeats - 1)),
    "Waits before and not after": seconds_with(wait_after=False),
    "Waits after and not before": seconds_with(wait_before=False),
    "No first call": seconds_with(warm=0),
    "Waits for the first call with the clock running": _waits_inside_the_measurement,
    "The fastest of single calls": _fastest,
    "Waits before each call, and not after the last": _waits_before_the_last,
    "Rounded to a hundredth of a millisecond": _rounded,
    "A clock of its own": _own_clock,
    "In milliseconds": lambda *given: 1000 * right(NUMBER, "seconds_of")(*given),
}

WRONG = {NUMBER: {"softmax_loss": listed(LOSS), "step": listed(STEP), "epoch": listed(EPOCH), "seconds_of": listed(SECONDS)}}
RIGHT = {NUMBER: {"softmax_loss": loss_with(), "step": step_with(), "epoch": epoch_with(), "seconds_of": seconds_with()}}
