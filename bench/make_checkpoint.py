"""Saves a random RevCol of a published size the way the official trainer does: {'model': ...}.

    python bench/make_checkpoint.py --model-dir DIR --size tiny out.pth

DIR holds revcol_torch.py, a PyTorch RevCol with the published parameter names. Needs torch.
"""
import argparse
import os
import sys

import torch

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("out")
parser.add_argument("--model-dir", required=True, help="folder of revcol_torch.py")
parser.add_argument("--size", default="tiny")
args = parser.parse_args()

sys.path.insert(0, args.model_dir)
from revcol_torch import SIZES, RevCol  # noqa: E402

channels, depths, columns, huge = SIZES[args.size]
torch.manual_seed(0)
model = RevCol(channels, depths, columns, huge=huge)
torch.save({"model": model.state_dict()}, args.out)
print(f"{args.out}: {sum(p.numel() for p in model.parameters())} parameters, {os.path.getsize(args.out)} bytes")
