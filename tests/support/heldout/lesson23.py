"""Lesson 23, DETR in miniature, against ViT: answers written from the lesson's text alone."""

RIGHT = {
    "iou": """
def iou(a, b):
    start = np.maximum(a[..., :2] - a[..., 2:] / 2, b[..., :2] - b[..., 2:] / 2)
    end = np.minimum(a[..., :2] + a[..., 2:] / 2, b[..., :2] + b[..., 2:] / 2)
    side = np.maximum(end - start, 0)
    both = side[..., 0] * side[..., 1]
    union = a[..., 2] * a[..., 3] + b[..., 2] * b[..., 3] - both
    fit = both / union
    return fit
""",
    "giou": """
def giou(a, b):
    a0, a1 = a[:, :2] - a[:, 2:] / 2, a[:, :2] + a[:, 2:] / 2
    b0, b1 = b[:, :2] - b[:, 2:] / 2, b[:, :2] + b[:, 2:] / 2
    gap = np.minimum(a1, b1) - np.maximum(a0, b0)
    i = np.maximum(gap, 0)
    c = np.maximum(a1, b1) - np.minimum(a0, b0)
    I, C = i[:, 0] * i[:, 1], c[:, 0] * c[:, 1]
    U = a[:, 2] * a[:, 3] + b[:, 2] * b[:, 3] - I
    g = I / U + U / C - 1

    def backward(dy):
        dI = dy * (1 / U + I / U**2 - 1 / C)
        dA = dy * (1 / C - I / U**2)
        dC = -dy * U / C**2
        di = dI[:, None] * i[:, ::-1] * (gap > 0)
        dc = dC[:, None] * c[:, ::-1]
        nearer, later = a1 < b1, a0 > b0
        da_end, db_end = np.where(nearer, di, dc), np.where(nearer, dc, di)
        da_start, db_start = -np.where(later, di, dc), -np.where(later, dc, di)
        da = from_sides(a, da_start, da_end, dA)
        db = from_sides(b, db_start, db_end, dA)
        return da, db

    return g, backward
""",
    "matching_cost": """
def matching_cost(p, boxes, classes, truth):
    queries, objects = len(boxes), len(truth)
    far = np.abs(boxes[:, None] - truth).sum(axis=-1)
    fit = giou(np.repeat(boxes, objects, axis=0), np.tile(truth, (queries, 1)))[0].reshape(queries, objects)
    cost = -p[:, classes] + 5 * far - 2 * fit
    return cost
""",
    "match": """
def match(cost):
    queries, objects = cost.shape
    best, which = np.inf, None
    for chosen in itertools.permutations(range(queries), objects):
        total = sum(cost[q, m] for m, q in enumerate(chosen))
        if which is None or total < best:
            best, which = total, chosen
    return np.array(which, dtype=int)
""",
    "set_loss": """
def set_loss(logits, boxes, classes, truth, which, no_object=0.5):
    queries, objects = len(logits), len(truth)
    target = np.full(queries, logits.shape[1] - 1)
    target[which] = classes
    w = np.full(queries, no_object, dtype=logits.dtype)
    w[which] = 1
    shifted = logits - logits.max(axis=1, keepdims=True)
    logp = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    rows = np.arange(queries)
    away = boxes[which] - truth
    fit, fit_backward = giou(boxes[which], truth)
    l_class = -(w * logp[rows, target]).sum() / w.sum()
    l_box = 5 / objects * np.abs(away).sum()
    l_giou = 2 / objects * (1 - fit).sum()
    loss = l_class + l_box + l_giou

    def backward(dy):
        slope = np.exp(logp)
        slope[rows, target] -= 1
        dlogits = dy * (w / w.sum())[:, None] * slope
        dboxes = np.zeros_like(boxes)
        dfit = np.full_like(fit, -2 / objects)
        dboxes[which] = dy * (5 / objects * np.sign(away) + fit_backward(dfit)[0])
        return dlogits, dboxes, None, None, None, None

    return loss, backward
""",
    "cross_attention": """
def cross_attention(x, x_pos, memory, memory_pos, q_weight, k_weight, v_weight, heads):
    none = np.zeros(x.shape[-1], x.dtype)
    q, q_backward = mine.linear(x + x_pos, q_weight, none)
    k, k_backward = mine.linear(memory + memory_pos, k_weight, none)
    v, v_backward = mine.linear(memory, v_weight, none)
    looked, look_backward = mine.attention(split(q, heads), split(k, heads), split(v, heads))
    y = mine.merge_heads(looked)[0]

    def backward(dy):
        dq, dk, dv = (mine.merge_heads(d)[0] for d in look_backward(split(dy, heads)))
        dasked, dq_weight, _ = q_backward(dq)
        dplaced, dk_weight, _ = k_backward(dk)
        dseen, dv_weight, _ = v_backward(dv)
        dx = dx_pos = dasked
        dmemory = dplaced + dseen
        dmemory_pos = dplaced.sum(axis=0)
        return dx, dx_pos, dmemory, dmemory_pos, dq_weight, dk_weight, dv_weight, None

    return y, backward
""",
}
SIDE, GI = "side = np.maximum(end - start, 0)", "dI = dy * (1 / U + I / U**2 - 1 / C)"
FIT = "fit = giou(np.repeat(boxes, objects, axis=0), np.tile(truth, (queries, 1)))[0].reshape(queries, objects)"
WEIGHTS = "w = np.full(queries, no_object, dtype=logits.dtype)\n    w[which] = 1\n"
BOXES = "dy * (5 / objects * np.sign(away) + fit_backward(dfit)[0])"
ENDS = "da_end, db_end = np.where(nearer, di, dc), np.where(nearer, dc, di)"
FROM_B = "db = from_sides(b, db_start, db_end, dA)"
GREEDY = """
def match(cost):
    left, which = cost.astype(float), []
    for m in range(cost.shape[1]):
        which.append(int(left[:, m].argmin()))
        left[which[-1]] = np.inf
    return np.array(which)
"""
CHEAPEST_PAIR = """
def match(cost):
    left, which = cost.astype(float), np.zeros(cost.shape[1], int)
    for _ in range(cost.shape[1]):
        q, m = np.unravel_index(left.argmin(), left.shape)
        which[m] = q
        left[q], left[:, m] = np.inf, np.inf
    return which
"""
WRONG = {
    "iou": [
        ("case", SIDE, "side = end - start", "two negative lengths make an area"),
        ("constant", "a[..., :2] - a[..., 2:] / 2", "a[..., :2]", "the first box's centre is taken for its corner"),
        ("missing term", " - both\n", "\n", "the union counts twice what both cover"),
        ("extreme", SIDE, "side = np.maximum(end - start, 1e-2)", "boxes that do not touch fit a little"),
        ("wrong array", "both / union", "both / np.minimum(union, a[..., 2] * a[..., 3])", "divided by the area of a"),
        ("case", "both / union", "(both / union)[:1] + 0 * both", "the first pair's for all"),
        ("scale", "b[..., 2:] / 2)\n    end", "b[..., 2:])\n    end", "the second box starts a whole size before its centre"),
    ],
    "giou": [
        ("missing term", GI, "dI = dy * (1 / U + I / U**2)", "dI: it makes U smaller in U / C too"),
        ("sign", "dA = dy * (1 / C - I / U**2)", "dA = dy * (1 / C + I / U**2)", "dA: the sign of the first term"),
        ("sign", "dC = -dy * U / C**2", "dC = dy * U / C**2", "dC: a larger frame is worse, not better"),
        ("wrong array", "i[:, ::-1] * (gap > 0)", "i * (gap > 0)", "di: its own side for the other one"),
        ("wrong array", "c[:, ::-1]", "c", "dc: its own side for the other one"),
        ("case", " * (gap > 0)", "", "di: a slope where the length was cut at 0"),
        ("wrong array", ENDS, "da_end = db_end = np.where(nearer, di, dc)", "db: its end as if it were a's"),
        (
            "sign",
            "-np.where(later, di, dc), -np.where(later, dc, di)",
            "np.where(later, di, dc), np.where(later, dc, di)",
            "starts",
        ),
        ("missing term", FROM_B, "db = from_sides(b, db_start, db_end, 0 * dA)", "db: its own area is left out"),
        ("wrong array", FROM_B, "db = from_sides(a, db_start, db_end, dA)", "db: the sides of a"),
        ("sign", FROM_B, "db = -da", "db: as if only the distance counted"),
        ("order", "return da, db", "return db, da", "da and db exchanged"),
        ("factor", "I / U**2 - 1 / C)", "I / U - 1 / C)", "dI: divided by U and not by its square"),
        ("option", "dC = -dy * U", "dC = -U", "dC: dy is left out"),
        ("missing term", "g = I / U + U / C - 1", "g = I / U + U / C", "g: not minus 1"),
        ("sign and factor", "dC = -dy * U / C**2", "dC = dy * U / C", "dC: the sign turned, and C too seldom"),
        ("wrong array", "nearer, later = a1 < b1, a0 > b0", "nearer, later = a1 < b1, a1 > b1", "starts: chosen by the ends"),
    ],
    "matching_cost": [
        ("sign", "-p[:, classes]", "p[:, classes]", "a probable class costs more"),
        ("scale", "- 2 * fit", "- fit", "GIoU counts once"),
        ("axis", "p[:, classes]", "p[:, :objects]", "the first classes, not the objects' classes"),
        ("factor", ".sum(axis=-1)", ".mean(axis=-1)", "distance: the mean of the four numbers"),
        ("sign", "- 2 * fit", "+ 2 * fit", "a good fit costs more"),
        (
            "order",
            "np.repeat(boxes, objects, axis=0), np.tile(truth, (queries, 1))",
            "np.tile(boxes, (objects, 1)), np.repeat(truth, queries, axis=0)",
            "GIoU: in the order of (M, Q)",
        ),
        ("transposed", "    return cost", "    return cost.T", "(M, Q) for (Q, M)"),
        ("missing term", "5 * far - 2 * fit", "5 * far", "GIoU is left out"),
        ("wrong array", FIT, "fit = iou(boxes[:, None], truth[None])", "IoU for GIoU"),
        ("extra term", "-p[:, classes]", "-np.log(p[:, classes])", "the logarithm, as in the loss"),
        ("factor", "np.abs(boxes[:, None] - truth)", "((boxes[:, None] - truth) ** 2)", "distance: squares for absolute values"),
    ],
    "match": [
        ("step", None, GREEDY, "greedy: object by object"),
        ("step", None, CHEAPEST_PAIR, "greedy: the cheapest pair first"),
        ("step", None, "\ndef match(cost):\n    return cost.argmin(axis=0)\n", "each object its best query, taken or not"),
        ("case", "itertools.permutations(", "itertools.combinations(", "queries only in rising order"),
        ("sign", "total < best", "total > best", "the dearest assignment"),
        ("index", "range(queries)", "range(min(queries, objects + 1))", "only the first queries are tried"),
        ("extreme", "total = sum(", "total = max(", "the dearest pair decides, not the sum"),
        ("transposed", "cost[q, m] for", "cost[m, q] for", "rows and columns of the cost exchanged"),
    ],
    "set_loss": [
        ("wrong array", "(w / w.sum())[:, None]", "(1 / queries)", "dlogits: all queries weigh alike"),
        ("scale", "dy * (w / w.sum())", "dy * (w / queries)", "dlogits: divided by the number of queries"),
        ("sign", "-2 / objects)", "2 / objects)", "dboxes: the sign of GIoU's share"),
        ("scale", "(5 / objects * np.sign", "(5 * np.sign", "dboxes: the distance is not divided by the objects"),
        ("wrong array", "np.sign(away)", "away", "dboxes: the distance itself for its sign"),
        ("index", f"dboxes[which] = {BOXES}", f"dboxes[:objects] = {BOXES}", "dboxes: given to the first queries"),
        ("missing term", " + fit_backward(dfit)[0])", ")", "dboxes: GIoU's share is left out"),
        ("index", "fit_backward(dfit)[0]", "fit_backward(dfit)[1]", "dboxes: the gradient of the true boxes"),
        ("option", f"dboxes[which] = {BOXES}", f"dboxes[which] = {BOXES[5:]}", "dboxes: dy is left out"),
        ("missing term", "        slope[rows, target] -= 1\n", "", "dlogits: the target is not taken off"),
        ("index", "slope[rows, target] -= 1", "slope[which, classes] -= 1", "dlogits: no target where there is no object"),
        ("option", "np.full(queries, no_object, dtype", "np.full(queries, 0.5, dtype", "no_object is ignored"),
        ("missing term", "l_class + l_box + l_giou", "l_class + l_box", "loss: GIoU's share is left out"),
        ("scale", ".sum() / w.sum()", ".sum() / queries", "loss: the classes are divided by the queries"),
        ("mutation", "slope = np.exp(logp)", "slope = logits\n        slope[...] = np.exp(logp)", "the logits are written over"),
        ("alias", "slope = np.exp(logp)", "slope = np.exp(logp, out=logp)", "dlogits: wrong when backward is called again"),
        ("extreme", "logits - logits.max(axis=1, keepdims=True)", "logits", "exp overflows"),
        ("scale", "np.abs(away).sum()", "np.abs(away).sum() / 4", "loss: a mean over the four numbers"),
        ("order", "target[which] = classes", "target[np.sort(which)] = classes", "the classes in the queries' order"),
        ("dtype", "dtype=logits.dtype", "dtype=np.float64", "dlogits: float32 becomes float64"),
    ],
    "cross_attention": [
        ("missing term", "dplaced + dseen", "dplaced", "dmemory: the road through v is left out"),
        ("missing term", "dplaced + dseen", "dseen", "dmemory: the road through k is left out"),
        ("extra term", "dmemory_pos = dplaced.sum", "dmemory_pos = (dplaced + dseen).sum", "dmemory_pos: v has no position"),
        ("scale", "dplaced.sum(axis=0)", "dplaced.mean(axis=0)", "dmemory_pos: a mean over the images"),
        ("shape", "dplaced.sum(axis=0)", "dplaced", "dmemory_pos: not summed over the images"),
        (
            "wrong array",
            "dx = dx_pos = dasked",
            "dx, dx_pos = dasked, dasked.sum(axis=0)[None] + 0 * dasked",
            "dx_pos: summed over images",
        ),
        ("extra term", "mine.linear(memory, v_weight", "mine.linear(memory + memory_pos, v_weight", "y: v gets the positions"),
        ("wrong array", "v_backward(dv)", "v_backward(dk)", "dmemory, dv_weight: dk for dv"),
        (
            "order",
            "dq_weight, dk_weight, dv_weight, None",
            "dk_weight, dq_weight, dv_weight, None",
            "dq_weight and dk_weight exchanged",
        ),
        ("missing term", "(x + x_pos, q_weight", "(x, q_weight", "y: the queries' positions are left out"),
        ("transposed", "split(dy, heads)", "dy.reshape(looked.shape)", "all gradients: reshaped, not split"),
        ("case", "y = mine.merge_heads(looked)[0]", "y = looked.reshape(x.shape)", "y: reshaped, right for one head"),
        (
            "option",
            "split(q, heads), split(k, heads), split(v, heads)",
            "split(q, 1), split(k, 1), split(v, 1)",
            "y: heads ignored",
        ),
        ("index", "dplaced.sum(axis=0)", "dplaced[0]", "dmemory_pos: of the first image alone"),
        ("axis", "dplaced.sum(axis=0)", "dplaced.sum(axis=(0, 1)) + 0 * memory_pos", "dmemory_pos: summed over the cells too"),
        ("transposed", "q_backward(dq)", "q_backward(dq[:, ::-1])", "dx, dq_weight: the queries in the other order"),
        ("factor", "dx = dx_pos = dasked", "dx = dx_pos = dasked / 2", "dx, dx_pos: as if they shared the gradient"),
    ],
}
UNUSUAL = {
    "iou": [
        """
def iou(a, b):
    (ax, ay, aw, ah), (bx, by, bw, bh) = np.moveaxis(a, -1, 0), np.moveaxis(b, -1, 0)

    def shared(c, s, d, t):
        return np.clip(np.minimum((s + t) / 2 - np.abs(c - d), np.minimum(s, t)), 0, None)

    both = shared(ax, aw, bx, bw) * shared(ay, ah, by, bh)
    return both / (aw * ah + bw * bh - both)
""",
    ],
    "giou": [
        """
def giou(a, b):
    sides = np.array([[-0.5], [0.5]])
    A, B = (x[:, None, :2] + sides.astype(x.dtype) * x[:, None, 2:] for x in (a, b))
    gap = np.minimum(A[:, 1], B[:, 1]) - np.maximum(A[:, 0], B[:, 0])
    around = np.maximum(A[:, 1], B[:, 1]) - np.minimum(A[:, 0], B[:, 0])
    inner = gap.clip(0)
    I, C = inner.prod(-1), around.prod(-1)
    U = a[:, 2:].prod(-1) + b[:, 2:].prod(-1) - I

    def one(box, own, other, dy):
        dU = 1 / C - I / U**2
        di = ((1 / U - dU) * dy)[:, None] * inner[:, ::-1] * (gap > 0)
        dc = (-U / C**2 * dy)[:, None] * around[:, ::-1]
        smaller, larger = own[:, 1] < other[:, 1], own[:, 0] > other[:, 0]
        dend = smaller * di + ~smaller * dc
        dstart = -(larger * di + ~larger * dc)
        return np.hstack([dstart + dend, (dend - dstart) / 2 + (dU * dy)[:, None] * box[:, [3, 2]]])

    return I / U - (C - U) / C, lambda dy: [one(a, A, B, dy), one(b, B, A, dy)]
""",
    ],
    "matching_cost": [
        """
def matching_cost(p, boxes, classes, truth):
    columns = [
        5 * np.linalg.norm(boxes - t, 1, axis=1) - 2 * giou(boxes, np.broadcast_to(t, boxes.shape))[0] - p[:, k]
        for k, t in zip(classes, truth)
    ]
    return np.array(columns, boxes.dtype).reshape(len(truth), len(boxes)).T
""",
    ],
    "match": [
        """
def match(cost):
    def cheapest(m, free):
        if m == cost.shape[1]:
            return 0.0, []
        found = []
        for q in free:
            rest, chosen = cheapest(m + 1, free - {q})
            found.append((cost[q, m] + rest, [q, *chosen]))
        return min(found)

    return np.asarray(cheapest(0, frozenset(range(len(cost))))[1], int)
""",
        """
def match(cost):
    tried = np.array(list(itertools.permutations(range(len(cost)), cost.shape[1])), dtype=int)
    return tried[cost[tried, np.arange(cost.shape[1])].sum(axis=1).argmin()]
""",
    ],
    "set_loss": [
        """
def set_loss(logits, boxes, classes, truth, which, no_object=0.5):
    Q, M, K = len(logits), len(truth), logits.shape[1]
    wanted = np.zeros((Q, K), logits.dtype)
    wanted[:, -1] = no_object
    wanted[which] = np.eye(K, dtype=logits.dtype)[classes]
    wanted /= wanted.sum()
    p = np.exp(logits - logits.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    logp = logits - logits.max(1, keepdims=True)
    logp -= np.log(np.exp(logp).sum(1, keepdims=True))
    chosen = boxes[which]
    g, g_backward = giou(chosen, truth)
    loss = (5 * np.abs(chosen - truth).sum() + 2 * (M - g.sum())) / M - np.vdot(wanted, logp)

    def backward(dy):
        slopes = 5 / M * ((chosen > truth).astype(boxes.dtype) - (chosen < truth)) - g_backward(np.ones_like(g))[0] * 2 / M
        place = np.zeros((Q, M), boxes.dtype)
        place[which, np.arange(M)] = dy
        return [(p * wanted.sum(1, keepdims=True) - wanted) * dy, place @ slopes] + 4 * [None]

    return loss, backward
""",
    ],
    "cross_attention": [
        """
def cross_attention(x, x_pos, memory, memory_pos, q_weight, k_weight, v_weight, heads):
    asked, placed = x + x_pos, memory + memory_pos
    d = x.shape[-1] // heads
    cut = lambda z: z.reshape(*z.shape[:2], heads, d)
    q, k, v = cut(asked @ q_weight), cut(placed @ k_weight), cut(memory @ v_weight)
    s = np.einsum("bqhd,bnhd->bhqn", q, k) / math.sqrt(d)
    p = np.exp(s - s.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    y = np.einsum("bhqn,bnhd->bqhd", p, v).reshape(x.shape)

    def backward(dy):
        up = cut(dy)
        dp = np.einsum("bqhd,bnhd->bhqn", up, v)
        ds = p * (dp - (p * dp).sum(-1, keepdims=True)) / math.sqrt(d)
        dq = np.einsum("bhqn,bnhd->bqhd", ds, k).reshape(x.shape)
        dk = np.einsum("bhqn,bqhd->bnhd", ds, q).reshape(memory.shape)
        dv = np.einsum("bhqn,bqhd->bnhd", p, up).reshape(memory.shape)
        weights = [np.einsum("bti,bto->io", a, g) for a, g in ((asked, dq), (placed, dk), (memory, dv))]
        dx, dplaced = dq @ q_weight.T, dk @ k_weight.T
        return dx, dx.copy(), dplaced + dv @ v_weight.T, np.add.reduce(dplaced), *weights, None

    return y, backward


import math
""",
    ],
}
