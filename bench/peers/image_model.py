"""RevCol over images in PyTorch, written from the paper (arXiv 2212.11696, section 2 and appendix), with the
parameter names of the published checkpoints. Maps are NCHW in memory format channels_last, so that linear
layers and norms over channels read contiguous memory.
"""
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

EPSILON = 1e-6


def over_channels(function, x):
    """Applies a function of [..., channels] to a map [batch, channels, height, width]."""
    return function(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class MapNorm(nn.LayerNorm):
    """LayerNorm over the channels of a map."""

    def __init__(self, channels):
        super().__init__(channels, eps=EPSILON)

    def forward(self, x):
        return over_channels(super().forward, x)


class ConvNextBlock(nn.Module):
    def __init__(self, channels, kernel_size):
        super().__init__()
        self.dwconv = nn.Conv2d(channels, channels, kernel_size, padding="same", groups=channels)
        self.norm = nn.LayerNorm(channels, eps=EPSILON)
        self.pwconv1 = nn.Linear(channels, 4 * channels)
        self.pwconv2 = nn.Linear(4 * channels, channels)
        self.gamma = nn.Parameter(torch.full((channels,), 1e-6))

    def branch(self, x):
        return self.pwconv2(F.gelu(self.pwconv1(self.norm(x)))) * self.gamma

    def forward(self, x):
        return x + over_channels(self.branch, self.dwconv(x))


class UpPath(nn.Module):
    def __init__(self, from_channels, channels):
        super().__init__()
        self.channel_reschedule = nn.Sequential(
            nn.Linear(from_channels, channels), nn.LayerNorm(channels, eps=EPSILON))

    def forward(self, x, size):
        return F.interpolate(over_channels(self.channel_reschedule, x), size=size, mode="nearest")


class LevelFusion(nn.Module):
    """What a level reads: the level below, and from the second column on the one above in the column before."""

    def __init__(self, channels, level, has_up):
        super().__init__()
        if level > 0:
            self.down = nn.Sequential(
                nn.Conv2d(channels[level - 1], channels[level], 2, stride=2), MapNorm(channels[level]))
        else:
            self.down = nn.Identity()
        self.up = UpPath(channels[level + 1], channels[level]) if has_up else None

    def forward(self, below, above):
        y = self.down(below)
        return y if self.up is None else y + self.up(above, y.shape[2:])


class ColumnLevel(nn.Module):
    def __init__(self, channels, depth, level, has_up, kernel_size):
        super().__init__()
        self.fusion = LevelFusion(channels, level, has_up)
        self.blocks = nn.Sequential(*(ConvNextBlock(channels[level], kernel_size) for _ in range(depth)))

    def forward(self, below, above):
        return self.blocks(self.fusion(below, above))


class Column(nn.Module):
    def __init__(self, channels, depths, is_first, kernel_size):
        super().__init__()
        self.is_first = is_first
        top = len(channels) - 1
        for level, depth in enumerate(depths):
            self.register_parameter(f"alpha{level}", nn.Parameter(torch.full((1, channels[level], 1, 1), 0.5)))
            has_up = not is_first and level < top
            self.add_module(f"level{level}", ColumnLevel(channels, depth, level, has_up, kernel_size))
        self.depths = depths

    def forward(self, stem, previous, run):
        features, below = [], stem
        for level in range(len(self.depths)):
            function = getattr(self, f"level{level}")
            if self.is_first:
                y = run(function, below, None)
            else:
                above = previous[level + 1] if level + 1 < len(previous) else None
                y = run(function, below, above) + getattr(self, f"alpha{level}") * previous[level]
            features.append(y)
            below = y
        return features


class Classifier(nn.Module):
    def __init__(self, channels, classes):
        super().__init__()
        self.classifier = nn.Sequential(nn.LayerNorm(channels, eps=EPSILON), nn.Linear(channels, classes))

    def forward(self, top):
        return self.classifier(top.mean(dim=(2, 3)))


class RevColFeatures(nn.Module):
    """The levels of the last column. `checkpointed` recomputes every level in the backward pass, as the published
    reversible function does.
    """

    def __init__(self, network, checkpointed=False):
        super().__init__()
        channels, patch = network["channels"], network["patchSize"]
        self.columns, self.checkpointed = network["columns"], checkpointed
        self.stem = nn.Sequential(
            nn.Conv2d(network["inputChannels"], channels[0], patch, stride=patch), MapNorm(channels[0]))
        for i in range(self.columns):
            self.add_module(f"subnet{i}", Column(channels, network["depths"], i == 0, network["kernelSize"]))

    def run_level(self, function, below, above):
        if self.checkpointed and torch.is_grad_enabled():
            return checkpoint(function, below, above, use_reentrant=False)
        return function(below, above)

    def forward(self, images):
        stem, features = self.stem(images), []
        for i in range(self.columns):
            features = getattr(self, f"subnet{i}")(stem, features, self.run_level)
        return features


class ImageRevCol(RevColFeatures):
    def __init__(self, network, checkpointed=False):
        super().__init__(network, checkpointed)
        self.cls = Classifier(network["channels"][-1], network["classes"])

    def forward(self, images):
        return self.cls(super().forward(images)[-1])

    def load_file_weights(self, tensors):
        self.load_state_dict(tensors, strict=True)

    def file_weights(self):
        return {name: p.detach().contiguous() for name, p in self.state_dict().items()}
