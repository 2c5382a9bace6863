"""Other right answers, which must never be rejected."""

import numpy as np


def unbroadcast_by_loops(gradient, shape):
    result = np.zeros(shape, dtype=gradient.dtype)
    added = gradient.ndim - len(shape)
    for place in np.ndindex(*gradient.shape):
        origin = tuple(0 if n == 1 else i for i, n in zip(place[added:], shape, strict=True))
        result[origin] = result[origin] + gradient[place]
    return result


def unbroadcast_by_while(gradient, shape):
    while gradient.ndim > len(shape):
        gradient = gradient.sum(axis=0)
    for axis in range(len(shape)):
        if shape[axis] == 1:
            gradient = gradient.sum(axis=axis, keepdims=True)
    return gradient


def unbroadcast_by_einsum(gradient, shape):
    letters = "abcdefgh"[: gradient.ndim]
    padded = (1,) * (gradient.ndim - len(shape)) + tuple(shape)
    kept = "".join(letter for letter, n in zip(letters, padded, strict=True) if n != 1)
    return np.einsum(f"{letters}->{kept}", gradient).reshape(shape)


def unbroadcast_by_comparing(gradient, shape):
    if gradient.shape == shape:
        return gradient
    padded = (1,) * (gradient.ndim - len(shape)) + shape
    axes = tuple(i for i in range(gradient.ndim) if gradient.shape[i] != padded[i])
    return np.sum(gradient, axis=axes, keepdims=True).reshape(shape)


def order_by_counting(root):
    """From the root down: a node's turn comes when all its users had theirs; then turned round."""
    users, waiting = {root: 0}, [root]
    while waiting:
        node = waiting.pop()
        for source in node.inputs:
            if source not in users:
                users[source] = 0
                waiting.append(source)
            users[source] += 1
    ready, order = [root], []
    while ready:
        node = ready.pop()
        order.append(node)
        for source in node.inputs:
            users[source] -= 1
            if users[source] == 0:
                ready.append(source)
    order.reverse()
    return order


def order_by_iterators(root):
    order, seen = [], {id(root)}
    path = [(root, iter(root.inputs))]
    while path:
        node, remaining = path[-1]
        for source in remaining:
            if id(source) not in seen:
                seen.add(id(source))
                path.append((source, iter(source.inputs)))
                break
        else:
            order.append(node)
            path.pop()
    return order


def order_by_waiting(root):
    """A node stays on the stack until all its inputs are in the order."""
    order, done, stack = [], set(), [root]
    while stack:
        node = stack[-1]
        missing = [source for source in node.inputs if source not in done]
        if missing:
            stack.extend(missing)
        else:
            stack.pop()
            if node not in done:
                done.add(node)
                order.append(node)
    return order


def order_by_depth(root):
    """Sorted by the longest road to a leaf, found in rounds until nothing changes any more."""
    found, waiting = {root}, [root]
    while waiting:
        for source in waiting.pop().inputs:
            if source not in found:
                found.add(source)
                waiting.append(source)
    needs = {node: {source for source in node.inputs} for node in found}
    users = {node: [] for node in found}
    for node in found:
        for source in needs[node]:
            users[source].append(node)
    order = []
    layer = [node for node in found if not needs[node]]
    while layer:
        order += layer
        following = []
        for node in layer:
            for user in users[node]:
                needs[user].discard(node)
                if not needs[user]:
                    following.append(user)
        layer = following
    return tuple(order)


def backward_by_counting(loss):
    """Needs no order: a node's turn comes when as many gradients have arrived as it has uses."""
    uses, waiting = {loss: 0}, [loss]
    while waiting:
        node = waiting.pop()
        for source in node.inputs:
            if source.requires_grad:
                if source not in uses:
                    uses[source] = 0
                    waiting.append(source)
                uses[source] += 1
    arrived = {node: [] for node in uses}
    arrived[loss].append(np.ones(loss.data.shape, dtype=loss.data.dtype))
    ready = [loss]
    while ready:
        node = ready.pop()
        dy = arrived[node][0]
        for gradient in arrived[node][1:]:
            dy = dy + gradient
        if not node.inputs:
            node.grad = np.array(dy, copy=True) if node.grad is None else np.add(node.grad, dy)
        else:
            returned = node.step_back(dy)
            for i in range(len(node.inputs)):
                source = node.inputs[i]
                if source.requires_grad:
                    arrived[source].append(returned[i])
                    if len(arrived[source]) == uses[source]:
                        ready.append(source)


def backward_by_buffers(loss):
    """Zeros for every node first, then in-place sums into them: arrays that nobody else holds."""
    order, seen, stack = [], set(), [(loss, False)]
    while stack:
        node, done = stack.pop()
        if done:
            order.append(node)
        elif id(node) not in seen:
            seen.add(id(node))
            stack.append((node, True))
            stack += [(source, False) for source in node.inputs]
    buffers = {id(node): np.zeros_like(node.data) for node in order if node.requires_grad}
    buffers[id(loss)] += 1
    for node in order[::-1]:
        if id(node) not in buffers:
            continue
        if node.step_back is not None:
            for source, gradient in zip(node.inputs, node.step_back(buffers[id(node)]), strict=True):
                if source.requires_grad:
                    buffers[id(source)] += gradient
        elif node.grad is None:
            node.grad = buffers[id(node)]
        else:
            node.grad = node.grad + buffers[id(node)]


def backward_then_leaves(loss):
    """Collects lists of what arrived, sums at the node's turn, and fills the leaves at the end."""
    order, done, stack = [], set(), [loss]
    while stack:
        node = stack[-1]
        missing = [source for source in node.inputs if source not in done]
        if missing:
            stack.extend(missing)
        else:
            stack.pop()
            if node not in done:
                done.add(node)
                order.append(node)
    one = np.empty_like(loss.data)
    one[...] = 1
    arrived = {loss: [one]}
    leaves = {}
    while order:
        node = order.pop()
        if not node.requires_grad:
            continue
        pieces = arrived.pop(node)
        dy = pieces[0] if len(pieces) == 1 else np.sum(pieces, axis=0)
        if node.step_back is None:
            leaves[node] = dy
            continue
        for source, gradient in zip(node.inputs, node.step_back(dy), strict=True):
            if source.requires_grad:
                arrived.setdefault(source, []).append(gradient)
    for leaf, gradient in leaves.items():
        if leaf.grad is None:
            leaf.grad = np.zeros_like(leaf.data)
        leaf.grad = leaf.grad + gradient


CORRECT = {
    "unbroadcast": [unbroadcast_by_loops, unbroadcast_by_while, unbroadcast_by_einsum, unbroadcast_by_comparing],
    "topological_order": [order_by_counting, order_by_iterators, order_by_waiting, order_by_depth],
    "backward": [backward_by_counting, backward_by_buffers, backward_then_leaves],
}
