"""Lesson 02, Autograd: answers written from the lesson's text alone."""

RIGHT = {
    "unbroadcast": """
def unbroadcast(gradient, shape):
    added = gradient.ndim - len(shape)
    result = gradient.sum(axis=tuple(range(added)))
    stretched = tuple(i for i, size in enumerate(shape) if size == 1)
    result = result.sum(axis=stretched, keepdims=True)
    return result
""",
    "topological_order": """
def topological_order(root):
    order, seen, stack = [], set(), [(root, False)]
    while stack:
        node, inputs_done = stack.pop()
        if inputs_done:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack.extend((source, False) for source in node.inputs)
    return order
""",
    "backward": """
def backward(loss):
    if loss.data.size != 1:
        raise ValueError(f"a gradient starts from one number; this Tensor has shape {loss.data.shape}")
    arrived = {loss: np.ones_like(loss.data)}
    for node in reversed(topological_order(loss)):
        gradient = arrived.pop(node, None)
        if gradient is None or not node.requires_grad:
            continue
        if node.step_back is None:
            node.grad = np.array(gradient) if node.grad is None else node.grad + gradient
            continue
        for source, share in zip(node.inputs, node.step_back(gradient)):
            if source.requires_grad:
                arrived[source] = arrived[source] + share if source in arrived else share
""",
}

WRONG = {
    "unbroadcast": [
        ("step", "    result = result.sum(axis=stretched, keepdims=True)\n", "", "stretched axes are not summed"),
        ("shape", "keepdims=True", "keepdims=False", "the stretched axes are lost"),
        ("step", "gradient.sum(axis=tuple(range(added)))", "gradient", "added axes are not summed, and shift the others"),
        ("axis", "range(added)", "range(len(shape), gradient.ndim)", "the added axes are looked for at the end"),
        ("scale", "result.sum(axis=stretched", "result.mean(axis=stretched", "stretched: the mean, not the sum"),
        ("scale", "gradient.sum(", "gradient.mean(", "added: the mean, not the sum"),
        ("index", "gradient.sum(axis=tuple(range(added)))", "gradient[(0,) * added]", "added: only the first is taken"),
        (
            "index",
            "result.sum(axis=stretched, keepdims=True)",
            "result[tuple(slice(0, 1) if size == 1 else slice(None) for size in shape)]",
            "stretched: only the first is taken",
        ),
        ("wrong array", "gradient.sum(", "gradient.max(", "added: the largest gradient, not the sum"),
        (
            "case",
            "gradient.sum(axis=tuple(range(added)))",
            "gradient.sum(axis=0) if added else gradient",
            "right only if one axis was added",
        ),
        ("case", "axis=stretched,", "axis=stretched[:1],", "only the first of several stretched axes is summed"),
        ("wrong array", "enumerate(shape)", "enumerate(gradient.shape)", "axes of size 1 are looked for in the gradient"),
        ("index", "enumerate(shape)", "enumerate(shape, 1)", "stretched axes are counted from 1"),
        ("index", "range(added)", "range(added - 1)", "one added axis remains"),
        ("case", "    added =", "    if shape == ():\n        return gradient\n    added =", "a single number is not summed to"),
        (
            "case",
            "    result = result",
            "    if not added:\n        result = result",
            "an added axis and a stretched one: one sum",
        ),
        ("axis", "axis=stretched,", "axis=-1 if stretched else (),", "whichever axis was stretched, the last is summed"),
        ("step", "gradient.sum(axis=tuple(range(added)))", "np.resize(gradient, shape)", "cut to the shape, nothing summed"),
        (
            "axis and case",
            "gradient.sum(axis=tuple(range(added)))",
            "gradient\n    for axis in range(added):\n        result = result.sum(axis=axis)",
            "axes move up while they are summed away: with two added ones, the third is summed",
        ),
    ],
    "topological_order": [
        ("order", "return order", "return order[::-1]", "the root stands first"),
        (
            "order",
            None,
            """
def topological_order(root):
    order, seen, stack = [], set(), [root]
    while stack:
        node = stack.pop()
        if node not in seen:
            seen.add(node)
            order.append(node)
            stack.extend(node.inputs)
    return order[::-1]
""",
            "listed when first met, then turned round: a node used twice may stand after its user",
        ),
        (
            "order",
            None,
            """
def topological_order(root):
    order, seen, queue = [root], {root}, [root]
    while queue:
        node = queue.pop(0)
        for source in node.inputs:
            if source not in seen:
                seen.add(source)
                order.append(source)
                queue.append(source)
    return order[::-1]
""",
            "in layers from the root: a node that is near on one road and far on another comes too late",
        ),
        (
            "step",
            "            order.append(node)",
            "            if node.inputs:\n                order.append(node)",
            "no leaves",
        ),
        ("step", "elif node not in seen", "elif not node.inputs or node not in seen", "a leaf used twice is listed twice"),
        (
            "extreme",
            None,
            """
def topological_order(root):
    order, seen = [], set()

    def visit(node):
        if node not in seen:
            seen.add(node)
            for source in node.inputs:
                visit(source)
            order.append(node)

    visit(root)
    return order
""",
            "calls itself: a chain of thousands of nodes is too deep",
        ),
        (
            "alias",
            "(root):\n    order, seen, stack = [], set(), [",
            "(root, seen=set()):\n    order, stack = [], [",
            "the set of seen nodes is kept from call to call",
        ),
        ("index", "return order", "return order[:-1]", "the root is left out"),
        ("index", "in node.inputs)", "in node.inputs[:1])", "only the first input is followed"),
        ("mutation", "order.append(node)", "order.append(node)\n            node.inputs = ()", "the graph is taken apart"),
    ],
    "backward": [
        (
            "missing term",
            "arrived[source] + share if source in arrived else share",
            "share",
            "the second road replaces the first",
        ),
        (
            "alias",
            "                arrived[source] = arrived[source] + share if source in arrived else share",
            "                if source in arrived:\n                    arrived[source] += share\n"
            "                else:\n                    arrived[source] = share",
            "sums in place, in an array that another node may hold as well",
        ),
        ("alias", "np.array(gradient) if", "gradient if", "two leaves may share one array"),
        (
            "missing term",
            "np.array(gradient) if node.grad is None else node.grad + gradient",
            "np.array(gradient)",
            "old .grad is lost",
        ),
        (
            "mutation",
            "            node.grad = np.array(gradient) if node.grad is None else node.grad + gradient",
            "            if node.grad is None:\n                node.grad = np.array(gradient)\n"
            "            else:\n                np.add(node.grad, gradient, out=node.grad)",
            "the second call writes into the array that .grad was",
        ),
        (
            "alias",
            None,
            """
def backward(loss):
    if loss.data.size != 1:
        raise ValueError(f"a gradient starts from one number; this Tensor has shape {loss.data.shape}")
    loss.grad = np.ones_like(loss.data)
    for node in reversed(topological_order(loss)):
        if node.step_back is not None and node.requires_grad:
            for source, share in zip(node.inputs, node.step_back(node.grad)):
                if source.requires_grad:
                    source.grad = np.array(share) if source.grad is None else source.grad + share
""",
            "the nodes between keep their .grad, and count it again in the next call",
        ),
        ("order", "reversed(topological_order(loss))", "topological_order(loss)", "walks from the leaves to the loss"),
        (
            "case",
            None,
            """
def backward(loss):
    if loss.data.size != 1:
        raise ValueError(f"a gradient starts from one number; this Tensor has shape {loss.data.shape}")
    arrived = {loss: np.ones_like(loss.data)}
    for node in reversed(topological_order(loss)):
        gradient = arrived.pop(node, None)
        if gradient is None:
            continue
        if node.step_back is None:
            node.grad = np.array(gradient) if node.grad is None else node.grad + gradient
            continue
        for source, share in zip(node.inputs, node.step_back(gradient)):
            if share is not None:
                arrived[source] = arrived[source] + share if source in arrived else share
""",
            "constants get a .grad too",
        ),
        ("dtype", "np.ones_like(loss.data)", "np.ones(loss.data.shape)", "the walk of a float32 loss starts in float64"),
        ("shape", "np.ones_like(loss.data)", "np.ones((), loss.data.dtype)", "a loss of shape (1, 1) starts with shape ()"),
        ("wrong array", "np.ones_like(loss.data)", "loss.data", "the walk starts with the loss, not with 1"),
        ("sign", "np.ones_like(loss.data)", "-np.ones_like(loss.data)", "the walk starts with -1, as if to go downhill"),
        ("order", "zip(node.inputs,", "zip(node.inputs[::-1],", "each input gets the other one's share"),
        (
            "order",
            None,
            """
def backward(loss):
    if loss.data.size != 1:
        raise ValueError(f"a gradient starts from one number; this Tensor has shape {loss.data.shape}")
    arrived, handed, queue = {loss: np.ones_like(loss.data)}, set(), [loss]
    while queue:
        node = queue.pop(0)
        if node in handed or not node.requires_grad or node.step_back is None:
            continue
        handed.add(node)
        for source, share in zip(node.inputs, node.step_back(arrived[node])):
            if source.requires_grad:
                arrived[source] = arrived[source] + share if source in arrived else share
                queue.append(source)
    for node, gradient in arrived.items():
        if node.step_back is None and node.requires_grad:
            node.grad = np.array(gradient) if node.grad is None else node.grad + gradient
""",
            "a node hands on as soon as something has arrived: what comes later is lost",
        ),
        ("scale", "arrived[source] + share if", "(arrived[source] + share) / 2 if", "the mean of two roads, not their sum"),
        (
            "index",
            "zip(node.inputs, node.step_back(gradient))",
            "dict(zip(node.inputs, node.step_back(gradient))).items()",
            "x * x: of two equal inputs one share is lost",
        ),
        (
            "mutation",
            "source in arrived else share",
            "source in arrived else share\n        node.inputs, node.step_back = (), None",
            "the graph is taken apart, so a second call finds nothing",
        ),
        (
            "case",
            "if source.requires_grad:",
            "if source.requires_grad and np.any(share):",
            "a gradient of 0 gives no .grad at all",
        ),
        (
            "missing term",
            "    for node in reversed",
            "    for node in topological_order(loss):\n        node.grad = None\n    for node in reversed",
            "clears .grad first: an earlier call's share is lost",
        ),
        (
            "step",
            "    arrived = {",
            "    if loss.step_back is None:\n        return\n    arrived = {",
            "a loss that is a leaf gets no .grad",
        ),
    ],
}

UNUSUAL = {
    "unbroadcast": [
        """
def unbroadcast(gradient, shape):
    padded = (1,) * (np.ndim(gradient) - len(shape)) + tuple(shape)
    summed = tuple(axis for axis, size in enumerate(padded) if size == 1)
    return np.sum(gradient, axis=summed).reshape(shape)
""",
        """
def unbroadcast(gradient, shape):
    while np.ndim(gradient) > len(shape):
        gradient = np.add.reduce(gradient, axis=0)
    for axis in range(len(shape)):
        if shape[axis] == 1:
            gradient = np.add.reduce(gradient, axis=axis, keepdims=True)
    return gradient
""",
        """
def unbroadcast(gradient, shape):
    result = np.zeros(shape, dtype=np.asarray(gradient).dtype)
    for place in np.ndindex(np.shape(gradient)):
        target = place[len(place) - len(shape) :]
        result[tuple(0 if size == 1 else i for i, size in zip(target, shape))] += gradient[place]
    return result
""",
    ],
    "topological_order": [
        """
def topological_order(root):
    users, found, stack = {root: 0}, [root], [root]
    while stack:
        for source in stack.pop().inputs:
            if source not in users:
                users[source] = 0
                found.append(source)
                stack.append(source)
            users[source] += 1
    order, ready = [], [root]
    while ready:
        node = ready.pop()
        order.append(node)
        for source in node.inputs:
            users[source] -= 1
            if users[source] == 0:
                ready.append(source)
    return order[::-1]
""",
        """
def topological_order(root):
    order, stack = {}, [(root, iter(root.inputs))]
    while stack:
        node, rest = stack[-1]
        source = next((source for source in rest if source not in order), None)
        if source is None:
            order.setdefault(node)
            stack.pop()
        else:
            stack.append((source, iter(source.inputs)))
    return list(order)
""",
    ],
    "backward": [
        """
def backward(loss):
    if loss.data.size != 1:
        raise ValueError(f"a gradient starts from one number; this Tensor has shape {loss.data.shape}")
    shares = {node: [] for node in topological_order(loss)}
    shares[loss].append(np.ones_like(loss.data))
    for node in list(shares)[::-1]:
        if not node.requires_grad or not shares[node]:
            continue
        if node.step_back:
            for source, share in zip(node.inputs, node.step_back(sum(shares[node][1:], shares[node][0]))):
                shares[source].append(share)
        else:
            earlier = np.zeros_like(node.data) if node.grad is None else node.grad
            node.grad = sum(shares[node], earlier)
""",
        """
def backward(loss):
    if loss.data.size != 1:
        raise ValueError(f"a gradient starts from one number; this Tensor has shape {loss.data.shape}")

    class Arrivals(dict):
        def __missing__(self, node):
            return np.zeros(node.data.shape, dtype=node.data.dtype)

    arrivals = Arrivals()
    arrivals[loss] = np.full(loss.data.shape, 1, dtype=loss.data.dtype)
    order = topological_order(loss)
    while order:
        node = order.pop()
        if node.requires_grad and node.step_back is not None:
            handed = node.step_back(arrivals.pop(node))
            for k in range(len(handed)):
                if node.inputs[k].requires_grad:
                    arrivals[node.inputs[k]] = arrivals[node.inputs[k]] + handed[k]
    for leaf, gradient in arrivals.items():
        if leaf.requires_grad:
            leaf.grad = gradient.copy() if leaf.grad is None else np.add(leaf.grad, gradient)
""",
    ],
}
