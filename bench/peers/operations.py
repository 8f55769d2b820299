"""Single operations in PyTorch, by the names and in the layout of the suite."""
import torch
from torch.nn import functional as F

HEAD_WIDTH = 32


def depthwise(x, kernel, bias):
    weight = kernel.permute(2, 3, 0, 1)
    y = F.conv2d(x.permute(0, 3, 1, 2), weight, bias, padding="same", groups=x.shape[-1])
    return y.permute(0, 2, 3, 1)


def upsample(x):
    return F.interpolate(x.permute(0, 3, 1, 2), scale_factor=2, mode="nearest").permute(0, 2, 3, 1)


def attention(query, key, value):
    def split(x):
        return x.view(*x.shape[:2], -1, HEAD_WIDTH).transpose(1, 2)

    y = F.scaled_dot_product_attention(split(query), split(key), split(value))
    return y.transpose(1, 2).reshape(query.shape)


OPERATIONS = {
    "linear": lambda x, kernel, bias: F.linear(x, kernel.T, bias),
    "layerNorm": lambda x, gamma, beta: F.layer_norm(x, gamma.shape, gamma, beta, 1e-6),
    "gelu": F.gelu,
    "depthwiseConv": depthwise,
    "upsample": upsample,
    "attention": attention,
}


class Operation:
    def __init__(self, name, tensors):
        mine = [(key, t) for key, t in tensors.items() if key.startswith(f"{name}/")]
        self.name = name
        self.keys = [key for key, _ in mine if not key.endswith("/dy")]
        self.operands = [t.requires_grad_() for key, t in mine if not key.endswith("/dy")]
        self.dy = tensors[f"{name}/dy"]

    def forward(self):
        with torch.no_grad():
            return OPERATIONS[self.name](*self.operands)

    def gradients(self):
        y = OPERATIONS[self.name](*self.operands)
        return torch.autograd.grad(y, self.operands, self.dy)
