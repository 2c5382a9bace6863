"""Lesson 13, mlp and block: answers written from the lesson's text alone."""

RIGHT = {
    "mlp": """
def mlp(x, fc1_weight, fc1_bias, fc2_weight, fc2_bias):
    hidden, fc1_backward = mine.linear(x, fc1_weight, fc1_bias)
    active, gelu_backward = mine.gelu(hidden)
    y, fc2_backward = mine.linear(active, fc2_weight, fc2_bias)

    def backward(dy):
        dactive, dfc2_weight, dfc2_bias = fc2_backward(dy)
        dhidden = gelu_backward(dactive)
        dx, dfc1_weight, dfc1_bias = fc1_backward(dhidden)
        return dx, dfc1_weight, dfc1_bias, dfc2_weight, dfc2_bias

    return y, backward
""",
    "block": """
def block(
    x,
    norm1_weight,
    norm1_bias,
    qkv_weight,
    qkv_bias,
    proj_weight,
    proj_bias,
    norm2_weight,
    norm2_bias,
    fc1_weight,
    fc1_bias,
    fc2_weight,
    fc2_bias,
    heads,
):
    first, norm1_backward = mine.layernorm(x, norm1_weight, norm1_bias)
    seen, attention_backward = mine.self_attention(first, qkv_weight, qkv_bias, proj_weight, proj_bias, heads)
    z = x + seen
    second, norm2_backward = mine.layernorm(z, norm2_weight, norm2_bias)
    thought, mlp_backward = mlp(second, fc1_weight, fc1_bias, fc2_weight, fc2_bias)
    y = z + thought

    def backward(dy):
        dsecond, *dmlp = mlp_backward(dy)
        branch2, *dnorm2 = norm2_backward(dsecond)
        dz = dy + branch2
        dfirst, *dattention, _ = attention_backward(dz)
        branch1, *dnorm1 = norm1_backward(dfirst)
        dx = dz + branch1
        return (dx, *dnorm1, *dattention, *dnorm2, *dmlp, None)

    return y, backward
""",
}

# A right answer in another form, for mistakes that RIGHT's form cannot have.
BLOCK = """
def block(x, *parameters):
    *arrays, heads = parameters
    n1, att, n2, fc = arrays[:2], arrays[2:6], arrays[6:8], arrays[8:]

    def branch(array, norm, layer):
        normed, norm_back = mine.layernorm(array, *norm)
        out, layer_back = layer(normed)

        def back(d):
            dnormed, *dlayer = layer_back(d)
            darray, *dnorm = norm_back(dnormed)
            return darray, dnorm, dlayer

        return out, back

    out1, back1 = branch(x, n1, lambda a: mine.self_attention(a, *att, heads))
    z = x + out1
    out2, back2 = branch(z, n2, lambda a: mlp(a, *fc))

    def backward(dy):
        from2, dn2, dfc = back2(dy)
        dz = dy + from2
        from1, dn1, datt = back1(dz)
        return (dz + from1, *dn1, *datt[:4], *dn2, *dfc, None)

    return z + out2, backward
"""

WRONG = {
    "mlp": [
        ("step", "mine.linear(active, fc2_weight", "mine.linear(hidden, fc2_weight", "y: the GELU is left out"),
        ("step", "y, fc2_backward", "active, _ = mine.gelu(active)\n    y, fc2_backward", "y: the GELU comes twice"),
        ("extra term", "return y, backward", "return y + x, backward", "y: x is added, which is the block's job"),
        (
            "missing term",
            "mine.linear(active, fc2_weight, fc2_bias)",
            "mine.linear(active, fc2_weight, 0 * fc2_bias)",
            "y: no bias",
        ),
        (
            "wrong array",
            "mine.gelu(hidden)",
            "(hidden * (hidden > 0), lambda d: d * (hidden > 0))",
            "y: ReLU for GELU",
        ),
        ("step", "dhidden = gelu_backward(dactive)", "dhidden = dactive", "dhidden: GELU has no part in the backward"),
        (
            "step",
            "dhidden = gelu_backward(dactive)",
            "dhidden = gelu_backward(gelu_backward(dactive))",
            "dhidden: GELU's slope twice",
        ),
        (
            "wrong array",
            "gelu_backward(dactive)",
            "dactive * mine.gelu(dactive)[0]",
            "dhidden: gelu of the gradient as the slope",
        ),
        ("wrong array", "gelu_backward(dactive)", "dactive * (hidden > 0)", "dhidden: the slope of ReLU"),
        ("wrong array", "gelu_backward(dactive)", "dactive * active", "dhidden: GELU's output for its slope"),
        (
            "wrong array",
            "gelu_backward(dactive)",
            "mine.gelu(active)[1](dactive)",
            "dhidden: the slope at the output, not the input",
        ),
        (
            "wrong array",
            "dhidden = gelu",
            "dfc2_weight = mine.linear(hidden, fc2_weight, fc2_bias)[1](dy)[1]\n        dhidden = gelu",
            "dfc2_weight: hidden for active",
        ),
        (
            "order",
            "return dx, dfc1_weight, dfc1_bias, dfc2_weight, dfc2_bias",
            "return dx, dfc2_weight, dfc2_bias, dfc1_weight, dfc1_bias",
            "fc2's gradients come before fc1's",
        ),
        (
            "order",
            "dactive, dfc2_weight, dfc2_bias =",
            "dactive, dfc2_bias, dfc2_weight =",
            "dfc2_weight and dfc2_bias change places",
        ),
        (
            "extra term",
            "return dx, dfc1_weight",
            "return dx + dy, dfc1_weight",
            "dx: dy is added, as if there were a road past it",
        ),
        ("scale", "dfc2_weight, dfc2_bias\n", "dfc2_weight, dfc2_bias / len(dy)\n", "dfc2_bias: divided by the batch"),
        (
            "wrong array",
            "dfc1_bias = fc1_backward(dhidden)",
            "dfc1_bias = fc1_backward(dhidden)\n        dfc1_bias = dactive.sum(axis=(0, 1))",
            "dfc1_bias: dactive for dhidden",
        ),
        (
            "not started",
            "dx, dfc1_weight, dfc1_bias = fc1_backward(dhidden)",
            "dx, dfc1_weight, dfc1_bias = None, None, None",
            "fc1's gradients are None",
        ),
    ],
    "block": [
        ("wrong array", "y = z + thought", "y = x + thought", "y: x on the road, attention is lost"),
        ("wrong array", "y = z + thought", "y = second + thought", "y: the second road leads through the norm"),
        ("extra term", "y = z + thought", "y = x + z + thought", "y: x comes in twice"),
        (
            "wrong array",
            "mine.layernorm(z, norm2_weight, norm2_bias)",
            "mine.layernorm(z, norm1_weight, norm1_bias)",
            "y: norm1's weights",
        ),
        (
            "step",
            "second, norm2_backward = mine.layernorm(z, norm2_weight, norm2_bias)",
            "second, norm2_backward = z, lambda d: (d, 0 * norm2_weight, 0 * norm2_bias)",
            "y: no second norm",
        ),
        ("wrong array", "mlp(second, fc1", "mlp(z, fc1", "y: the MLP reads z, the norm's output is not used"),
        (
            "wrong array",
            "= mine.self_attention(first, qkv",
            "= mine.self_attention(x, qkv",
            "y: attention reads x, without the norm",
        ),
        ("option", "proj_weight, proj_bias, heads)", "proj_weight, proj_bias, 2)", "y: two heads, whatever heads says"),
        ("mutation", "z = x + seen", "x += seen\n    z = x", "attention is added into x in place"),
        (
            "step",
            "z = x + seen\n",
            "z, after_backward = mine.layernorm(x + seen, norm1_weight, norm1_bias)\n",
            "y: a norm on the road too",
        ),
        ("sign", "z = x + seen", "z = x - seen", "y: attention is taken off the road"),
        (
            "constant",
            "mine.layernorm(x, norm1_weight, norm1_bias)",
            "mine.layernorm(x, norm1_weight, norm1_bias, 1e-5)",
            "y: eps of 1e-5",
        ),
        ("missing term", "dz = dy + branch2", "dz = branch2", "dz: the road is forgotten"),
        ("missing term", "dz = dy + branch2", "dz = dy", "dz: the branch is forgotten"),
        ("missing term", "dx = dz + branch1", "dx = branch1", "dx: the road is forgotten"),
        ("wrong array", "dx = dz + branch1", "dx = dy + branch1", "dx: dy for dz on the road"),
        ("wrong array", "attention_backward(dz)", "attention_backward(dy)", "dattention: dy for dz"),
        ("wrong array", "attention_backward(dz)", "attention_backward(branch2)", "dattention: only what the second branch gives"),
        ("extra term", "dx = dz + branch1", "dx = dy + dz + branch1", "dx: dy comes down the road twice"),
        ("extra term", "dz = dy + branch2", "dz = dy + branch2 + dsecond", "dz: the gradient before the norm is added as well"),
        ("scale", "dx = dz + branch1", "dx = (dz + branch1) / 2", "dx: the mean of road and branch"),
        ("scale", "dz = dy + branch2", "dz = 2 * (dy + branch2)", "dz: twice too large"),
        ("sign", "dx = dz + branch1", "dx = dz - branch1", "dx: the branch is taken off"),
        ("factor", "dz = dy + branch2", "dz = dy * branch2", "dz: road and branch are multiplied"),
        (
            "order",
            "branch2, *dnorm2 = norm2_backward(dsecond)\n        dz = dy + branch2",
            "dz, *dnorm2 = norm2_backward(dsecond + dy)",
            "dz: road and branch meet before the norm",
        ),
        ("step", "dz = dy + branch2", "dz = dy + dsecond", "dz: the norm is skipped on the way back"),
        ("step", "dx = dz + branch1", "dx = dz + dfirst", "dx: the first norm is skipped on the way back"),
        ("wrong array", "norm1_backward(dfirst)", "norm1_backward(dz)", "dx, dnorm1: dz for dfirst"),
        ("wrong array", "norm1_backward(dfirst)", "norm2_backward(dfirst)", "dx, dnorm1: the second norm's backward"),
        (
            "order",
            "*dnorm1, *dattention, *dnorm2, *dmlp",
            "*dnorm2, *dattention, *dnorm1, *dmlp",
            "dnorm1 and dnorm2 change places",
        ),
        ("order", "*dattention, *dnorm2, *dmlp", "*dattention[2:], *dattention[:2], *dnorm2, *dmlp", "dproj comes before dqkv"),
        ("order", "*dnorm1, *dattention, *dnorm2, *dmlp", "*dnorm1, *dnorm2, *dattention, *dmlp", "both norms come first"),
        ("mutation", "dz = dy + branch2", "dy += branch2\n        dz = dy", "dy is written into"),
        (
            "step",
            "dfirst, *dattention, _ = attention_backward(dz)",
            "dfirst, *dattention, _ = attention_backward(dz)\n        dsecond, *dmlp = mlp_backward(dz)",
            "dmlp: the MLP's backward runs again, with dz",
        ),
        (
            "wrong array and missing term",
            "dx = dz + branch1",
            "dx = dy + branch2",
            "dx: attention's branch is lost, dz's parts stay",
        ),
        (
            "wrong array and order",
            "(dx, *dnorm1, *dattention, *dnorm2, *dmlp, None)",
            "(dz, *dattention, *dnorm1, *dnorm2, *dmlp, None)",
            "dx: dz, and the first two groups change places",
        ),
        ("dtype", "dx = dz + branch1", "dx = dz.astype(float) + branch1", "dx: float64"),
        ("missing term", None, BLOCK.replace("return (dz + from1,", "return (dz,"), "dx: the branch of attention is forgotten"),
        ("wrong array", None, BLOCK.replace("branch(z, n2,", "branch(x, n2,"), "y: the second norm reads x"),
    ],
}

UNUSUAL = {
    "mlp": [
        """
def mlp(x, fc1_weight, fc1_bias, fc2_weight, fc2_bias):
    def chain(value, *functions):
        backs = []
        for function in functions:
            value, back = function(value)
            backs.append(back)

        def backward(d):
            found = []
            for back in reversed(backs):
                returned = back(d)
                d, *others = returned if isinstance(returned, (tuple, list)) else (returned,)
                found = others + found
            return (d, *found)

        return value, backward

    return chain(
        x, lambda a: mine.linear(a, fc1_weight, fc1_bias), mine.gelu, lambda a: mine.linear(a, fc2_weight, fc2_bias)
    )
""",
        """
def mlp(x, fc1_weight, fc1_bias, fc2_weight, fc2_bias):
    b, t, d = x.shape
    rows = x.reshape(b * t, d)
    h = rows @ fc1_weight
    h += fc1_bias
    a, slope = mine.gelu(h)
    y = (a @ fc2_weight + fc2_bias).reshape(b, t, -1)

    def backward(dy):
        dy = dy.reshape(b * t, -1)
        dh = slope(dy @ fc2_weight.T)
        return [(dh @ fc1_weight.T).reshape(x.shape), rows.T @ dh, dh.sum(0), a.T @ dy, dy.sum(0)]

    return y, backward
""",
        """
def mlp(x, fc1_weight, fc1_bias, fc2_weight, fc2_bias):
    y = None
    for m in range(len(fc1_bias)):  # one number of the middle after the other
        a, _ = mine.gelu(x @ fc1_weight[:, m : m + 1] + fc1_bias[m])
        y = a * fc2_weight[m] + (fc2_bias if y is None else y)

    def backward(dy):
        hidden, back1 = mine.linear(x, fc1_weight, fc1_bias)  # computed again, nothing was kept
        active, back_gelu = mine.gelu(hidden)
        dactive, *d2 = mine.linear(active, fc2_weight, fc2_bias)[1](dy)
        return (*back1(back_gelu(dactive)), *d2)

    return y, backward
""",
    ],
    "block": [
        BLOCK,
        """
def block(x, norm1_weight, norm1_bias, qkv_weight, qkv_bias, proj_weight, proj_bias,
          norm2_weight, norm2_bias, fc1_weight, fc1_bias, fc2_weight, fc2_bias, heads):
    y = x.copy()
    normed, back_n1 = mine.layernorm(y.copy(), norm1_weight, norm1_bias)
    out, back_att = mine.self_attention(normed, qkv_weight, qkv_bias, proj_weight, proj_bias, heads)
    y += out
    normed, back_n2 = mine.layernorm(y.copy(), norm2_weight, norm2_bias)
    out, back_mlp = mlp(normed, fc1_weight, fc1_bias, fc2_weight, fc2_bias)
    y += out

    def backward(dy):
        road = dy.copy()  # one array goes down the road
        d, dw1, db1, dw2, db2 = back_mlp(road)
        d, dn2w, dn2b = back_n2(d)
        road += d
        d, dqw, dqb, dpw, dpb, _ = back_att(road.copy())
        d, dn1w, dn1b = back_n1(d)
        road += d
        return [road, dn1w, dn1b, dqw, dqb, dpw, dpb, dn2w, dn2b, dw1, db1, dw2, db2, None]

    return y, backward
""",
        """
def block(x, norm1_weight, norm1_bias, qkv_weight, qkv_bias, proj_weight, proj_bias,
          norm2_weight, norm2_bias, fc1_weight, fc1_bias, fc2_weight, fc2_bias, heads):
    def attend(x):
        a, a_back = mine.layernorm(x, norm1_weight, norm1_bias)
        b, b_back = mine.self_attention(a, qkv_weight, qkv_bias, proj_weight, proj_bias, heads)

        def back(d):
            da, *rest = b_back(d)
            dx, *norm = a_back(da)
            return dx + d, [*norm, *rest[:-1]]

        return b + x, back

    def think(z):
        a, a_back = mine.layernorm(z, norm2_weight, norm2_bias)
        b, b_back = mlp(a, fc1_weight, fc1_bias, fc2_weight, fc2_bias)

        def back(d):
            da, *rest = b_back(d)
            dz, *norm = a_back(da)
            return dz + d, [*norm, *rest]

        return b + z, back

    z, back1 = attend(x)
    y, back2 = think(z)

    def backward(dy):
        dz, later = back2(dy)
        dx, earlier = back1(dz)
        return tuple([dx] + earlier + later + [None])

    return y, backward
""",
    ],
}
