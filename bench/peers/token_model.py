"""Causal RevCol over tokens in PyTorch: transformer blocks with fused attention, levels of one width.

Weight files have the names and the layout of tfjs-revcol; here a block has one matrix for queries, keys
and values, as is usual where speed matters.
"""
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

EPSILON = 1e-6


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x):
        batch, time, width = x.shape
        qkv = self.qkv(x).view(batch, time, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(y.transpose(1, 2).reshape(batch, time, width))


class TransformerBlock(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.attention_norm = nn.LayerNorm(width, eps=EPSILON)
        self.attention = Attention(width, heads)
        self.feedforward_norm = nn.LayerNorm(width, eps=EPSILON)
        self.expand = nn.Linear(width, 4 * width)
        self.project = nn.Linear(4 * width, width)

    def forward(self, x):
        x = x + self.attention(self.attention_norm(x))
        return x + self.project(F.gelu(self.expand(self.feedforward_norm(x))))


def path(width):
    return nn.Sequential(nn.Linear(width, width), nn.LayerNorm(width, eps=EPSILON))


class TokenLevel(nn.Module):
    def __init__(self, network, has_down, has_up):
        super().__init__()
        width = network["width"]
        self.down = path(width) if has_down else None
        self.up = path(width) if has_up else None
        self.blocks = nn.Sequential(
            *(TransformerBlock(width, network["heads"]) for _ in range(network["depth"])))

    def forward(self, below, above):
        y = below if self.down is None else self.down(below)
        return self.blocks(y if self.up is None else y + self.up(above))


class TokenRevCol(nn.Module):
    def __init__(self, network, checkpointed=False):
        super().__init__()
        self.network, self.checkpointed = network, checkpointed
        width, levels, columns = network["width"], network["levels"], network["columns"]
        self.embedding = nn.Embedding(network["vocabulary"], width)
        self.levels = nn.ModuleList([
            nn.ModuleList([TokenLevel(network, l > 0, i > 0 and l < levels - 1) for l in range(levels)])
            for i in range(columns)])
        self.alphas = nn.ParameterList(
            [nn.Parameter(torch.full((width,), 0.5)) for _ in range(columns * levels)])
        self.head = nn.Linear(width, network["vocabulary"])

    def positions(self, time):
        width = self.network["width"]
        rates = 10000.0 ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
        angles = torch.arange(time, dtype=torch.float64)[:, None] * rates
        return torch.stack([angles.sin(), angles.cos()], -1).reshape(time, width).float()

    def run_level(self, function, below, above):
        if self.checkpointed and torch.is_grad_enabled():
            return checkpoint(function, below, above, use_reentrant=False)
        return function(below, above)

    def forward(self, ids):
        stem, previous = self.embedding(ids) + self.positions(ids.shape[1]), []
        for i, column in enumerate(self.levels):
            features, below = [], stem
            for l, function in enumerate(column):
                above = previous[l + 1] if l + 1 < len(previous) else None
                below = self.run_level(function, below, above)
                if i > 0:
                    below = below + self.alphas[i * len(column) + l] * previous[l]
                features.append(below)
            previous = features
        return self.head(previous[-1]).flatten(0, -2)

    def views(self):
        """(name in the file, view of a parameter in PyTorch's layout, shape in the file, whether transposed)."""
        width, heads = self.network["width"], self.network["heads"]
        depth = width // heads

        def dense(name, weight, bias, kernel_shape=None, bias_shape=None):
            yield f"{name}/kernel", weight, kernel_shape or tuple(weight.shape[::-1]), True
            yield f"{name}/bias", bias, bias_shape or tuple(bias.shape), False

        def norm(name, module):
            yield f"{name}/gamma", module.weight, tuple(module.weight.shape), False
            yield f"{name}/beta", module.bias, tuple(module.bias.shape), False

        yield "backbone/stem/embeddings", self.embedding.weight, tuple(self.embedding.weight.shape), False
        for i, column in enumerate(self.levels):
            for l, level in enumerate(column):
                at = f"backbone/column_{i}/level_{l}"
                yield f"{at}/alpha", self.alphas[i * len(column) + l], (width,), False
                for name, module in (("down", level.down), ("up", level.up)):
                    if module is not None:
                        yield from dense(f"{at}/fusion/{name}", module[0].weight, module[0].bias)
                        yield from norm(f"{at}/fusion/{name}_norm", module[1])
                for b, block in enumerate(level.blocks):
                    inside = f"{at}/block_{b}"
                    yield from norm(f"{inside}/attention_norm", block.attention_norm)
                    for k, name in enumerate(("query", "key", "value")):
                        rows = slice(k * width, (k + 1) * width)
                        yield from dense(
                            f"{inside}/attention/{name}", block.attention.qkv.weight[rows],
                            block.attention.qkv.bias[rows], (width, heads, depth), (heads, depth))
                    yield from dense(
                        f"{inside}/attention/attention_output", block.attention.out.weight,
                        block.attention.out.bias, (heads, depth, width))
                    yield from norm(f"{inside}/feedforward_norm", block.feedforward_norm)
                    yield from dense(f"{inside}/feedforward/expand", block.expand.weight, block.expand.bias)
                    yield from dense(f"{inside}/feedforward/project", block.project.weight, block.project.bias)
        yield from dense("head", self.head.weight, self.head.bias)

    @torch.no_grad()
    def load_file_weights(self, tensors):
        left = dict(tensors)
        for name, view, _, transposed in self.views():
            values = left.pop(name)
            if transposed:
                view.copy_(values.reshape(view.shape[::-1]).T)
            else:
                view.copy_(values.reshape(view.shape))
        if left:
            raise ValueError(f"no parameter for {sorted(left)[0]}")

    @torch.no_grad()
    def file_weights(self):
        return {name: (view.T if transposed else view).reshape(shape).contiguous().clone()
                for name, view, shape, transposed in self.views()}
