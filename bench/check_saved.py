"""Whether files written by saveCheckpoint are bit for bit what PyTorch has in its checkpoint.

    python bench/check_saved.py a.pth a.safetensors [b.pth b.safetensors ...]

Needs torch, numpy and safetensors. Started by saved_checkpoints.ts.
"""
import sys

import torch
from safetensors.torch import load_file

files = sys.argv[1:]
for pth, saved in zip(files[::2], files[1::2]):
    expected = torch.load(pth, map_location="cpu", weights_only=True)["model"]
    got = load_file(saved)
    if list(sorted(got)) != list(sorted(expected)):
        sys.exit(f"{saved}: names differ: {sorted(set(got) ^ set(expected))[:5]}")
    for name, tensor in expected.items():
        other = got[name]
        if other.dtype != tensor.dtype or other.shape != tensor.shape:
            sys.exit(f"{saved}: {name} is {other.dtype} {other.shape}, not {tensor.dtype} {tensor.shape}")
        # As integers: NaN would not equal itself, and 0 would equal -0.
        if not torch.equal(other.contiguous().view(torch.int32), tensor.contiguous().view(torch.int32)):
            sys.exit(f"{saved}: {name} differs")
    print(f"{pth.split('/')[-1]}: {len(expected)} tensors, {sum(t.numel() for t in expected.values())} numbers, bit-equal")
