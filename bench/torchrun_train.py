"""Trains a checkpoint from tfjs-revcol with PyTorch on several processes, and saves it as the official
trainer does. Started by torchrun_roundtrip.ts; by hand:

    torchrun --standalone --nproc_per_node 2 bench/torchrun_train.py --model-dir DIR \\
        --weights start.safetensors --data data.safetensors --config '{...}' --out trained.pth

DIR holds revcol_torch.py, a PyTorch RevCol with the published parameter names. Runs on CPUs (gloo);
on GPUs use nccl and move the model and the batches there. Needs torch, numpy and safetensors.
"""
import argparse
import json
import sys

import torch
import torch.distributed as dist
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch.nn.parallel import DistributedDataParallel

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--model-dir", required=True, help="folder of revcol_torch.py")
parser.add_argument("--weights", required=True, help="weights to begin with, safetensors")
parser.add_argument("--data", required=True, help="images [n, 3, h, w], labels [n], probe [m, 3, h, w]")
parser.add_argument("--config", required=True, help="channels, depths, columns, num_classes as JSON")
parser.add_argument("--steps", type=int, default=40)
parser.add_argument("--out", required=True, help=".pth to write; predictions go beside it")
args = parser.parse_args()

sys.path.insert(0, args.model_dir)
from revcol_torch import RevCol  # noqa: E402

dist.init_process_group("gloo")
rank, processes = dist.get_rank(), dist.get_world_size()
torch.manual_seed(0)
torch.set_num_threads(1)

model = RevCol(**json.loads(args.config))
# strict: every name and shape must be PyTorch's.
model.load_state_dict(load_file(args.weights), strict=True)
data = load_file(args.data)


def predict():
    model.eval()
    with torch.no_grad():
        return model(data["probe"])[0][-1]


before = predict()
# The first column has alphas that nothing depends on.
parallel = DistributedDataParallel(model, find_unused_parameters=True)
optimizer = torch.optim.AdamW(parallel.parameters(), lr=2e-3, weight_decay=0.05)
images, labels = data["images"][rank::processes], data["labels"][rank::processes].long()
losses = []
model.train()
for step in range(args.steps):
    logits, _, _ = parallel(images)
    loss = F.cross_entropy(logits[-1], labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    mean = loss.detach().clone()
    dist.all_reduce(mean)
    losses.append(mean.item() / processes)

# Every process must hold the same weights, or the gradients were not shared.
weights = torch.cat([p.detach().flatten() for p in model.parameters()])
others = [torch.empty_like(weights) for _ in range(processes)]
dist.all_gather(others, weights)
spread = max((weights - other).abs().max().item() for other in others)

if rank == 0:
    save = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "max_accuracy": 0.0,
            "epoch": args.steps, "state_dict_ema": None, "input": input, "config": vars(args)}
    torch.save(save, args.out)
    save_file({"before": before.contiguous(), "after": predict().contiguous()}, args.out + ".safetensors")
    print(json.dumps({"processes": processes, "torch": torch.__version__, "spread": spread,
                      "first_loss": losses[0], "last_loss": losses[-1]}))
dist.destroy_process_group()
