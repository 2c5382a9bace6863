"""How long a training step takes in p processes, a core or a GPU each: a model of it, to plan with.

A message of m bytes takes α + m β seconds, with the latency α and the bandwidth 1/β, whoever else is sending (the alpha-beta
model), and adding m bytes to m bytes takes m γ. The sum of n bytes of gradients over p processes then takes

    ring      2 (p - 1) α + 2 (p - 1)/p n β + (p - 1)/p n γ           pieces go round, are added, and go round again
    halving   2 lg p α + 2 (p - 1)/p n β + (p - 1)/p n γ              recursive halving, then doubling: MPICH's for long arrays
    tree      2 ⌈lg p⌉ (α + n β) + ⌈lg p⌉ n γ                         the whole array up a tree, and down again

(Thakur, Rabenseifner, Gropp 2005, "Optimization of Collective Communication Operations in MPICH", Int. J. of High Performance
Computing Applications 19(1); where p is no power of 2, halving leaves out those beyond the power q below it: they send everything
before, and get everything afterwards, 2 α + 2 n β + n γ more). And minivit's

    ordered   p a + (p - 1) t + (c - 1) (min(p - 1, 2) t + a)  +  a broadcast
              c chunks of n/c bytes; t = α + n/c β hands one on, a = k n/c γ adds a process's k pieces to it. The first chunk
              walks past all p; behind it each costs what the slowest process does with it: receive, add and send
    broadcast ⌈lg p⌉ (α + n β), or (⌈lg p⌉ + p - 1) α + 2 (p - 1)/p n β if that is less (down a tree; in parts: the same paper)

A step of a batch is then

    step = ⌈pieces / p⌉ times (a piece, its gradients added)  +  the sum  +  4 ⌈lg p⌉ α  +  the update  +  preparing the images

where 4 ⌈lg p⌉ α are the losses and the norm, a few numbers that all tell all, and every process updates all parameters and
prepares the whole batch. What is left out: networks that many share, slow processes for which the rest wait, and anything hidden
behind the computing.
"""

import math
from dataclasses import dataclass

from minivit.training import distributed
from minivit.training.parallel import piece_size

CHUNK = 4 * distributed.CHUNK  # bytes that the ordered sum hands on at once
MOST = 1024  # processes
PAYS = 0.8  # of the processes' time is not lost


@dataclass(frozen=True)
class Link:
    """What lies between two processes: latency in seconds (α), bandwidth in bytes a second (1/β), and how many bytes a second are
    added (1/γ)."""

    latency: float
    bandwidth: float
    adding: float = math.inf

    def message(self, size):
        return self.latency + size / self.bandwidth


@dataclass(frozen=True)
class Job:
    """What is trained: parameters in float32; the images of a batch, and of a piece; seconds that a piece takes to compute, an
    update takes, and preparing an image."""

    parameters: int
    batch: int
    images: int
    piece: float
    update: float = 0.0
    preparing: float = 0.0

    @property
    def bytes(self):
        return 4 * self.parameters


def images_a_piece(config, batch):
    """How many images of a batch the trainer computes at once, with this ViTConfig, on a CPU."""
    return piece_size(batch, config.tokens, dim=config.dim)


def rounds(p):
    """⌈lg p⌉: after so many rounds everybody knows what one knew, if all who know tell one more."""
    return (p - 1).bit_length()


def ring(n, p, link, k=1):
    return 2 * (p - 1) * link.latency + (p - 1) / p * n * (2 / link.bandwidth + 1 / link.adding)


def tree(n, p, link, k=1):
    return rounds(p) * (2 * link.message(n) + n / link.adding)


def halving(n, p, link, k=1):
    q = 1 << p.bit_length() - 1
    beyond = 2 * link.message(n) + n / link.adding if p > q else 0
    return 2 * rounds(q) * link.latency + (q - 1) / q * n * (2 / link.bandwidth + 1 / link.adding) + beyond


def broadcast(n, p, link):
    parts = (rounds(p) + p - 1) * link.latency + 2 * (p - 1) / p * n / link.bandwidth
    return min(rounds(p) * link.message(n), parts)


def ordered(n, p, link, k=1):
    chunks = math.ceil(n / CHUNK)
    add, hand_on = k * n / chunks / link.adding, link.message(n / chunks)
    chain = p * add + (p - 1) * hand_on + (chunks - 1) * (min(p - 1, 2) * hand_on + add)
    return chain - k * n / link.adding + broadcast(n, p, link)  # a piece's own additions are counted with the piece


WAYS = {"ordered": ordered, "halving": halving, "ring": ring, "tree": tree}


def parts(job, link, p, batch, way="ordered"):
    """(computing, summing and telling, updating, preparing): the seconds of one step."""
    k = math.ceil(math.ceil(batch / job.images) / p)
    computing = k * (job.piece + job.bytes / link.adding)
    talking = WAYS[way](job.bytes, p, link, k) + 4 * rounds(p) * link.latency if p > 1 else 0.0
    return computing, talking, job.update, batch * job.preparing


def step(job, link, p, batch, way="ordered"):
    """Seconds of one step."""
    return sum(parts(job, link, p, batch, way))


def speed_up(job, link, p, batch, way="ordered"):
    """How many times as fast as one process. Of the same batch: strong scaling; over p, the share of the p processes' time that
    is not lost: their efficiency."""
    return step(job, link, 1, batch, way) / step(job, link, p, batch, way)


def smallest_batch(job, link, p, way="ordered", efficiency=PAYS):
    """The smallest batch of which p processes, the same number of pieces each, have that efficiency: with a smaller one p stop
    paying. None if there is none below a million images a process."""
    most = math.ceil(1e6 / job.images)

    def pays(k):
        batch = k * p * job.images
        return speed_up(job, link, p, batch, way) >= efficiency * p

    if not pays(most):
        return None
    least = 0  # which does not pay
    while most - least > 1:
        middle = (least + most) // 2
        least, most = (least, middle) if pays(middle) else (middle, most)
    return most * p * job.images
