"""The same models in PyTorch, eager and compiled. What a config is: peers.py."""

from itertools import pairwise


def model_of(config, channels_last=False):
    """The ViT or the hybrid. channels_last: how the stem's images and kernels lie in memory; tokens lie the same either way."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    D, heads, M, P, C = (config[name] for name in ("dim", "heads", "mlp_dim", "patch", "channels"))
    side = config["image"] // P

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(D, eps=1e-6), nn.LayerNorm(D, eps=1e-6)
            self.qkv, self.proj = nn.Linear(D, 3 * D), nn.Linear(D, D)
            self.fc1, self.fc2 = nn.Linear(D, M), nn.Linear(M, D)
            self.gelu = nn.GELU(approximate="tanh" if config["gelu"] == "tanh" else "none")

        def forward(self, x):
            B, T, _ = x.shape
            q, k, v = self.qkv(self.norm1(x)).reshape(B, T, 3, heads, D // heads).permute(2, 0, 3, 1, 4)
            y = F.scaled_dot_product_attention(q, k, v)
            x = x + self.proj(y.transpose(1, 2).reshape(B, T, D))
            return x + self.fc2(self.gelu(self.fc1(self.norm2(x))))

    class Patches(nn.Module):
        def forward(self, images):  # (B, H, W, C) to (B, N, P*P*C)
            x = images.reshape(len(images), side, P, side, P, C).permute(0, 1, 3, 2, 4, 5)
            return x.reshape(len(images), side * side, P * P * C)

    class ConvStem(nn.Module):
        """One convolution at full size, then one and a pooling for each halving."""

        def __init__(self):
            super().__init__()
            halvings = P.bit_length() - 1
            widths = [C, *(D >> (halvings - i) for i in range(halvings + 1))]  # C, D/P, ..., D/2, D
            self.convs = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in pairwise(widths))

        def forward(self, images):  # (B, H, W, C) to (B, N, D)
            x = images.permute(0, 3, 1, 2)  # (B, C, H, W)
            x = x.contiguous(memory_format=torch.channels_last if channels_last else torch.contiguous_format)
            x = F.relu(self.convs[0](x))
            for conv in self.convs[1:]:
                x = F.max_pool2d(F.relu(conv(x)), 2)
            return x.flatten(2).transpose(1, 2)  # (B, D, H/P, W/P) to (B, N, D)

    class ViT(nn.Module):
        def __init__(self):
            super().__init__()
            hybrid = config["stem"] == "conv"
            self.stem = ConvStem() if hybrid else Patches()
            self.patch_embed = nn.Linear(D if hybrid else P * P * C, D)
            self.cls_token = nn.Parameter(torch.zeros(1, 1, D))
            self.pos_embed = nn.Parameter(0.02 * torch.randn(1, config["tokens"], D))
            self.blocks = nn.ModuleList([Block() for _ in range(config["depth"])])
            self.norm, self.head = nn.LayerNorm(D, eps=1e-6), nn.Linear(D, config["classes"])

        def forward(self, images):
            x = self.patch_embed(self.stem(images))  # (B, N, D)
            x = torch.cat([self.cls_token.expand(len(x), -1, -1), x], dim=1) + self.pos_embed
            for block in self.blocks:
                x = block(x)
            return self.head(self.norm(x)[:, 0])

    torch.manual_seed(0)
    model = ViT()
    return model.to(memory_format=torch.channels_last) if channels_last else model


def torch(config, threads, compiled=False, channels_last=False):
    import torch
    from torch.nn import functional as F

    torch.set_num_threads(threads)
    device = "cuda" if config["device"] == "gpu" else "cpu"
    model = model_of(config, channels_last).to(device)
    run_model = torch.compile(model) if compiled else model
    images = torch.randn(config["batch"], config["image"], config["image"], config["channels"], device=device)
    labels = torch.randint(0, config["classes"], (config["batch"],), device=device)
    if config["task"] == "infer":
        model.eval()

        def infer():
            with torch.inference_mode():
                return run_model(images)

        return infer
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)

    def train():
        optimizer.zero_grad(set_to_none=True)
        F.cross_entropy(run_model(images), labels).backward()
        optimizer.step()

    return train


def torch_channels_last(config, threads):
    return torch(config, threads, channels_last=True)


def torch_compile(config, threads):
    """Of the hybrid, with the layout that is the faster one without compiling."""
    return torch(config, threads, compiled=True, channels_last=config["stem"] == "conv")
