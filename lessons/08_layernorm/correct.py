"""Right answers written in other ways: none of them may be rejected."""

import math

import numpy as np


def _with_einsum(x, weight, bias, eps=1e-6):
    """All rows as one matrix, averages by einsum, and one over sigma kept."""
    width = x.shape[-1]
    rows = x.reshape(-1, width)
    centred = rows - np.einsum("rd->r", rows)[:, None] / width
    r = 1 / np.sqrt(np.einsum("rd,rd->r", centred, centred) / width + eps)
    xhat = np.einsum("rd,r->rd", centred, r)

    def backward(dy):
        upstream = dy.reshape(-1, width)
        inner = np.einsum("rd,d,rd->r", upstream, weight, xhat) / width
        average = upstream @ weight / width
        dx = r[:, None] * (upstream * weight - average[:, None] - np.einsum("r,rd->rd", inner, xhat))
        return dx.reshape(x.shape), np.einsum("rd,rd->d", upstream, xhat), np.einsum("rd->d", upstream)

    return (np.einsum("rd,d->rd", xhat, weight) + bias).reshape(x.shape), backward


def _step_by_step(x, weight, bias, eps=1e-6):
    """Each intermediate value has its gradient, as an autograd engine would do it: variance first, then the mean."""
    width = x.shape[-1]
    mu = np.mean(x, -1, keepdims=True)
    variance = np.var(x, -1, keepdims=True)
    inverse = (variance + eps) ** -0.5

    def backward(dy):
        dxhat = weight * dy
        dvariance = np.sum(dxhat * (x - mu), -1, keepdims=True) * -0.5 * inverse**3
        dmu = -inverse * np.sum(dxhat, -1, keepdims=True) - dvariance * 2 * np.mean(x - mu, -1, keepdims=True)
        dx = dxhat * inverse + dvariance * 2 * (x - mu) / width + dmu / width
        dweight, dbias = dy * ((x - mu) * inverse), dy
        while dbias.ndim > 1:
            dweight, dbias = dweight.sum(0), dbias.sum(0)
        return dx, dweight, dbias

    return (x - mu) * inverse * weight + bias, backward


def _by_jacobian(x, weight, bias, eps=1e-6):
    """Row by row, with the whole D x D matrix of slopes of x̂ by x."""
    width = x.shape[-1]
    y = np.empty_like(x)
    kept = {}
    for place in np.ndindex(x.shape[:-1]):
        centred = x[place] - x[place].sum() / width
        sigma = np.sqrt(centred @ centred / width + eps)
        kept[place] = centred / sigma, sigma
        y[place] = kept[place][0] * weight + bias

    def backward(dy):
        dx, dweight, dbias = np.empty_like(x), np.zeros_like(weight), np.zeros_like(bias)
        for place, (xhat, sigma) in kept.items():
            slopes = (np.eye(width, dtype=x.dtype) - 1 / width - np.outer(xhat, xhat) / width) / sigma
            dx[place] = slopes @ (weight * dy[place])
            dweight += dy[place] * xhat
            dbias += dy[place]
        return dx, dweight, dbias

    return y, backward


def _plain_python(x, weight, bias, eps=1e-6):
    """Numbers and lists only."""
    width = x.shape[-1]
    rows = [[float(value) for value in row] for row in x.reshape(-1, width)]
    means = [sum(row) / width for row in rows]
    sigmas = [math.sqrt(sum((v - m) ** 2 for v in row) / width + eps) for row, m in zip(rows, means, strict=True)]
    xhats = [[(v - m) / s for v in row] for row, m, s in zip(rows, means, sigmas, strict=True)]
    scale = [float(value) for value in weight]
    ys = [[h * g + float(b) for h, g, b in zip(row, scale, bias, strict=True)] for row in xhats]

    def backward(dy):
        dx, dweight, dbias = [], [0.0] * width, [0.0] * width
        for upstream, xhat, sigma in zip(dy.reshape(-1, width).tolist(), xhats, sigmas, strict=True):
            g = [u * s for u, s in zip(upstream, scale, strict=True)]
            first = sum(g) / width
            second = sum(a * h for a, h in zip(g, xhat, strict=True)) / width
            dx.append([(a - first - h * second) / sigma for a, h in zip(g, xhat, strict=True)])
            for i in range(width):
                dweight[i] += upstream[i] * xhat[i]
                dbias[i] += upstream[i]
        return np.array(dx, x.dtype).reshape(x.shape), np.array(dweight, x.dtype), np.array(dbias, x.dtype)

    return np.array(ys, x.dtype).reshape(x.shape), backward


CORRECT = {"layernorm": [_with_einsum, _step_by_step, _by_jacobian, _plain_python]}
