"""Under which names others keep a Vision Transformer's weights, and which of ours each one is.

A layout is a list of rules, from a piece of a name to ours, tried one after the other on each name. `#0`, `#1`, `#2` behind a
name say that it is a part of ours: q, k, v side by side. What the layouts share: PyTorch keeps a linear layer as (out, in), ours
is (in, out), and its patch embedding as a convolution (D, C, P, P), ours is a matrix (P P C, D). Google's is as ours.

Nothing here looks into an array: names and shapes are enough to know the model, and to refuse it.
"""

import re
from dataclasses import dataclass, field

import numpy as np

MOST_BLOCKS = 1000
# A file may hold more than the weights, and them more than once: the first of these that is there is taken.
WRAPPERS = "model_ema state_dict_ema ema teacher model state_dict module net student".split()
TIMM = (
    (r"^patch_embed\.proj\.", "patch_embed."),
    (r"^register_tokens$", "reg_token"),  # DINOv2
    (r"^blocks\.\d+\.(\d+\.)", r"blocks.\1"),  # DINOv2's blocks in groups; the second number counts them all
    (r"\.gamma_([12])$", r".ls\1.gamma"),  # DeiT3
    (r"\.mlp\.w12\.", ".mlp.fc1."),  # DINOv2's SwiGLU
    (r"\.mlp\.w3\.", ".mlp.fc2."),
)
HUGGING_FACE = (
    (r"^embeddings\.cls_token$", "cls_token"),
    (r"^embeddings\.position_embeddings$", "pos_embed"),
    (r"^embeddings\.distillation_token$", "dist_token"),
    (r"^embeddings\.register_tokens$", "reg_token"),
    (r"^embeddings\.patch_embeddings\.projection\.", "patch_embed."),
    (r"^(?:encoder\.)?layers?\.(\d+)\.", r"blocks.\1."),  # in files encoder.layer, in memory layers
    (r"\.attention\.(?:attention\.query|q_proj)\.(\w+)$", r".attn.qkv.\1#0"),
    (r"\.attention\.(?:attention\.key|k_proj)\.(\w+)$", r".attn.qkv.\1#1"),
    (r"\.attention\.(?:attention\.value|v_proj)\.(\w+)$", r".attn.qkv.\1#2"),
    (r"\.attention\.(?:output\.dense|o_proj)\.", ".attn.proj."),
    (r"\.intermediate\.dense\.", ".mlp.fc1."),
    (r"^(blocks\.\d+)\.output\.dense\.", r"\1.mlp.fc2."),
    (r"\.layernorm_before\.", ".norm1."),
    (r"\.layernorm_after\.", ".norm2."),
    (r"\.layer_scale([12])\.lambda1$", r".ls\1.gamma"),
    (r"\.mlp\.weights_in\.", ".mlp.fc1."),
    (r"\.mlp\.gate_proj\.(\w+)$", r".mlp.fc1.\1#0"),
    (r"\.mlp\.up_proj\.(\w+)$", r".mlp.fc1.\1#1"),
    (r"\.mlp\.(?:weights_out|down_proj)\.", ".mlp.fc2."),
    (r"^layernorm\.", "norm."),
    (r"^(?:cls_)?classifier\.", "head."),
    (r"^distillation_classifier\.", "head_dist."),
)
TORCHVISION = (
    (r"^conv_proj\.", "patch_embed."),
    (r"^class_token$", "cls_token"),
    (r"^encoder\.pos_embedding$", "pos_embed"),
    (r"^encoder\.layers\.encoder_layer_(\d+)\.", r"blocks.\1."),
    (r"\.ln_([12])\.", r".norm\1."),
    (r"\.self_attention\.in_proj_", ".attn.qkv."),
    (r"\.self_attention\.out_proj\.", ".attn.proj."),
    (r"\.mlp\.(?:0|linear_1)\.", ".mlp.fc1."),  # linear_1 until version 0.12
    (r"\.mlp\.(?:3|linear_2)\.", ".mlp.fc2."),
    (r"^encoder\.ln\.", "norm."),
    (r"^heads\.pre_logits\.", "pre_logits."),
    (r"^heads\.head\.", "head."),
)
GOOGLE = (
    (r"^embedding/", "patch_embed."),
    (r"^cls$", "cls_token"),
    (r"^(?:Transformer/posembed_input/)?pos_embedding$", "pos_embed"),
    (r"^Transformer/encoderblock_(\d+)/", r"blocks.\1."),
    (r"LayerNorm_0/", "norm1."),
    (r"LayerNorm_[12]/", "norm2."),  # vit_jax counts all parts of a block, big_vision each kind by itself
    (r"MultiHeadDotProductAttention_[01]/query/(\w+)$", r"attn.qkv.\1#0"),
    (r"MultiHeadDotProductAttention_[01]/key/(\w+)$", r"attn.qkv.\1#1"),
    (r"MultiHeadDotProductAttention_[01]/value/(\w+)$", r"attn.qkv.\1#2"),
    (r"MultiHeadDotProductAttention_[01]/out/", "attn.proj."),
    (r"MlpBlock_[03]/Dense_0/", "mlp.fc1."),
    (r"MlpBlock_[03]/Dense_1/", "mlp.fc2."),
    (r"^Transformer/encoder_norm/", "norm."),
    (r"^(pre_logits|head)/", r"\1."),
    (r"\b(?:kernel|scale)\b", "weight"),
)
OPENAI_CLIP = (
    (r"^conv1\.", "patch_embed."),
    (r"^class_embedding$", "cls_token"),
    (r"^positional_embedding$", "pos_embed"),
    (r"^transformer\.resblocks\.(\d+)\.", r"blocks.\1."),
    (r"\.ln_([12])\.", r".norm\1."),
    (r"\.attn\.in_proj_", ".attn.qkv."),
    (r"\.attn\.out_proj\.", ".attn.proj."),
    (r"\.mlp\.c_fc\.", ".mlp.fc1."),
    (r"\.mlp\.c_proj\.", ".mlp.fc2."),
    (r"^ln_pre\.", "norm_pre."),
    (r"^ln_post\.", "norm."),
    (r"^proj$", "head.weight"),  # (D, K) already
)
HUGGING_FACE_CLIP = (
    (r"^embeddings\.class_embedding$", "cls_token"),
    (r"^embeddings\.position_embedding\.weight$", "pos_embed"),
    (r"^embeddings\.patch_embedding\.", "patch_embed."),
    (r"^encoder\.layers\.(\d+)\.", r"blocks.\1."),
    (r"\.self_attn\.q_proj\.(\w+)$", r".attn.qkv.\1#0"),
    (r"\.self_attn\.k_proj\.(\w+)$", r".attn.qkv.\1#1"),
    (r"\.self_attn\.v_proj\.(\w+)$", r".attn.qkv.\1#2"),
    (r"\.self_attn\.out_proj\.", ".attn.proj."),
    (r"\.layer_norm([12])\.", r".norm\1."),
    (r"^pre_layrnorm\.", "norm_pre."),  # spelt so there
    (r"^post_layernorm\.", "norm."),
    (r"^visual_projection\.", "head."),
)
# (name, what every file of it has behind a prefix that differs, rules)
LAYOUTS = (
    ("Google", r"^(.*)embedding/kernel$", GOOGLE),
    ("torchvision", r"^(.*)conv_proj\.weight$", TORCHVISION),
    ("CLIP", r"^(.*visual\.)conv1\.weight$", OPENAI_CLIP),
    ("Hugging Face's CLIP", r"^(.*vision_model\.)embeddings\.patch_embedding\.weight$", HUGGING_FACE_CLIP),
    ("Hugging Face", r"^(.*)embeddings\.patch_embeddings\.projection\.weight$", HUGGING_FACE),
    ("timm", r"^(.*)patch_embed\.proj\.weight$", TIMM),
)
LEFT_OUT = (  # what says nothing about an image's class
    (r"^(?:\w+\.)?decoder(?:_|\.)|^decoder_", "the decoder"),
    (r"mask_token$", "the mask token"),
    (r"^head\.(?:mlp|last_layer)|^(?:dino|ibot)_head\.", "DINO's projection head"),
    (r"^pooler\.", "the pooler"),
    (r"position_ids$", "the numbers of the positions"),
)
BESIDE = (  # the same of names without the prefix
    *LEFT_OUT,
    (
        r"^(?:text|transformer\.|token_embedding|positional_embedding$|ln_final|logit_|params/(?:txt/|[tb]$))",
        "the text tower",
    ),
    (r"^(?:student|teacher|model|module|state|opt/|step|epoch)", "the rest of a training"),
)
UNLIKE = (
    (r"relative_position|rel_pos", "relative positions, as windows of Swin and blocks of BEiT have them"),
    (r"[qv]_bias$|^beit\.", "blocks of BEiT"),
    (r"attn_pool|MAPHead|^head\.(?:probe|attention)", "a head that pools by attention, like SigLIP's"),
    (r"conv_root|gn_root|block\d+/unit|patch_embed\.backbone|downsample|stages\.", "convolutions, or stages of several sizes"),
    (r"blocks_token_only", "class attention, named as CaiT's"),
    (r"bbox|class_labels_classifier|detection_token", "a head for another task, boxes"),
    (r"(?:decode|auxiliary)_head|neck\.|segmentation|depth_estimation", "a head for another task, maps of the image"),
    (r"rope|freqs|periods", "rotary positions"),
    (r"text_model|text_embeddings|token_embedding", "a model of text"),
)


@dataclass
class Found:
    """What a file has: sources, for each of our names a list of (its array's name, number of the block in it or None)."""

    layout: str
    arrays: dict
    sources: dict = field(default_factory=dict)
    left_out: list = field(default_factory=list)
    marks: set = field(default_factory=set)  # how its names tell models of one layout apart

    def shapes(self, name):
        """The shapes of the arrays that are put together to ours, as they stand in the file."""
        return [self.arrays[source].shape[index is not None :] for source, index in self.sources[name]]

    def turned(self, name, read):
        """Those arrays in our order of axes, to be set side by side along the last. read(array's name, number) gives one."""
        return [turned(source, name, read(source, index)) for source, index in self.sources[name]]

    def shape(self, name):
        """Our shape, without reading anything: a stand-in takes no memory."""
        parts = self.turned(name, lambda source, i: np.broadcast_to(np.float32(0), self.arrays[source].shape[i is not None :]))
        return (*parts[0].shape[:-1], sum(part.shape[-1] for part in parts))

    def linear(self, name):
        """(in, out) of a linear layer."""
        return self.shape(f"{name}.weight")


def turned(source, name, array):
    """An array of a file in our order of axes."""
    if "/" in source:  # Google's
        if array.ndim == 4:
            return array.reshape(-1, array.shape[-1])  # (P, P, C, D) to (P*P*C, D)
        if re.search(r"/(?:query|key|value)/\w+$", source):
            return array.reshape(*array.shape[:-2], -1)  # (D, h, d) to (D, D), or a bias (h, d) to (D,)
        return array.reshape(-1, array.shape[-1]) if source.endswith("out/kernel") else array  # (h, d, D) to (D, D)
    if array.ndim == 4:
        return array.transpose(2, 3, 1, 0).reshape(-1, array.shape[0])  # (D, C, P, P) to (P*P*C, D)
    return array.T if array.ndim == 2 and source.endswith("weight") and name.endswith(".weight") else array


def unwrapped(tree):
    """(the arrays by name, the names of the dictionaries that they lay in)."""
    road = []
    while key := next((key for key in WRAPPERS if isinstance(tree.get(key), dict) and tree[key]), None):
        tree = tree[key]
        road.append(key)
    return {name: value for name, value in tree.items() if hasattr(value, "shape")}, road


def recognise(tree):
    """A Found of what read_weights gives. Raises ValueError if it is no Vision Transformer, or has a part that ours has not."""
    arrays, road = unwrapped(tree)
    for layout, patches, rules in LAYOUTS:
        prefixes = sorted({match[1] for name in arrays if (match := re.match(patches, name))}, key=_preferred)
        if prefixes:
            break
    else:
        raise ValueError(_stranger(arrays))
    found, parts = Found(layout, arrays, marks=set(road)), {}
    found.marks |= {"teacher"} if "teacher" in prefixes[0] else set()
    for name in arrays:
        inside = name.startswith(prefixes[0])
        short = name.removeprefix(prefixes[0]) if inside else re.sub(r"^(?:module\.|_orig_mod\.|model\.)+", "", name)
        if words := next((words for pattern, words in (LEFT_OUT if inside else BESIDE) if re.search(pattern, short)), None):
            found.left_out += [words] * (words not in found.left_out)
            continue
        _refuse_unlike(short)
        for pattern, ours in rules:
            short = re.sub(pattern, ours, short)
        for index, one in _numbered(short, arrays[name].shape):
            ours, _, part = one.partition("#")
            parts.setdefault(ours, {})[int(part or 0)] = (name, index)
    found.sources = {name: [sources[part] for part in sorted(sources)] for name, sources in parts.items()}
    found.marks |= {mark for mark in ("gamma_", "register_tokens", "decoder_", ".w12.") if any(mark in n for n in arrays)}
    return found


def _preferred(prefix):
    """The average of the weights is taken before the weights, a teacher before a student."""
    return ["ema" not in prefix, "teacher" not in prefix, "student" in prefix, len(prefix)]


def _numbered(name, shape):
    """(None, the name), or for big_vision's arrays of all blocks at once, (number, name of the block's) of each."""
    before, inside, rest = name.partition("Transformer/encoderblock/")
    if not inside or before:
        return [(None, name)]
    if shape[0] > MOST_BLOCKS:
        raise ValueError(f"{shape[0]:,} blocks are more than any Vision Transformer has")
    return [(i, f"blocks.{i}.{rest}") for i in range(shape[0])]


def _refuse_unlike(name):
    for pattern, words in UNLIKE:
        if re.search(pattern, name):
            raise ValueError(f"{name} stands for {words}, which minivit's ViT has not: take a plain Vision Transformer")


def _stranger(arrays):
    for name in arrays:
        _refuse_unlike(name)
    shown = ", ".join(list(arrays)[:4]) or "no array"
    return (
        f"these are the weights of no Vision Transformer that minivit knows; they begin with {shown}: it reads the layouts of "
        "timm, Hugging Face, torchvision, DeiT, DINO, MAE, Google and CLIP"
    )
