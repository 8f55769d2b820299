"""UPerNet on RevCol in PyTorch, written from the paper (arXiv 1807.10221; pyramid pooling: 1612.01105), with the
parameter names of the published checkpoints. Maps are NCHW in memory format channels_last.
"""
import torch
from torch import nn
from torch.nn import functional as F

from image_model import RevColFeatures

POOL_SCALES = (1, 2, 3, 6)


class ConvModule(nn.Module):
    def __init__(self, in_channels, channels, kernel_size):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, channels, kernel_size, padding="same", bias=False)
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, x):
        return F.relu(self.bn(self.conv(x)), inplace=True)


def sized_as(other, x):
    if other.shape[2:] == x.shape[2:]:
        return x
    return F.interpolate(x, size=other.shape[2:], mode="bilinear", align_corners=False)


class UPerHead(nn.Module):
    def __init__(self, level_channels, channels, classes):
        super().__init__()
        top = level_channels[-1]
        self.psp_modules = nn.ModuleList(
            [nn.Sequential(nn.AdaptiveAvgPool2d(side), ConvModule(top, channels, 1)) for side in POOL_SCALES])
        self.bottleneck = ConvModule(top + len(POOL_SCALES) * channels, channels, 3)
        self.lateral_convs = nn.ModuleList([ConvModule(c, channels, 1) for c in level_channels[:-1]])
        self.fpn_convs = nn.ModuleList([ConvModule(channels, channels, 3) for _ in level_channels[:-1]])
        self.fpn_bottleneck = ConvModule(len(level_channels) * channels, channels, 3)
        self.conv_seg = nn.Conv2d(channels, classes, 1)

    def forward(self, levels):
        top = levels[-1]
        pooled = [sized_as(top, module(top)) for module in self.psp_modules]
        above = self.bottleneck(torch.cat([top, *pooled], dim=1))
        maps = [above]
        for lateral, level in zip(reversed(self.lateral_convs), reversed(levels[:-1])):
            here = lateral(level)
            above = here + sized_as(here, above)
            maps.insert(0, above)
        maps[:-1] = [convolve(x) for convolve, x in zip(self.fpn_convs, maps)]
        joined = torch.cat([sized_as(maps[0], x) for x in maps], dim=1)
        return self.conv_seg(self.fpn_bottleneck(joined))


class SegmenterRevCol(nn.Module):
    """Logits of every fourth pixel, one row each."""

    def __init__(self, network, checkpointed=False):
        super().__init__()
        self.backbone = RevColFeatures(network, checkpointed)
        self.decode_head = UPerHead(network["channels"], network["headChannels"], network["classes"])

    def forward(self, images):
        logits = self.decode_head(self.backbone(images))
        return logits.permute(0, 2, 3, 1).flatten(0, 2)

    def load_file_weights(self, tensors):
        """Of a file in which the backbone's weights are named as those of a classifier."""
        named = {name if name.startswith("decode_head.") else f"backbone.{name}": t for name, t in tensors.items()}
        self.load_state_dict(named, strict=True)
