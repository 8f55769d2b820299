"""PyTorch as a contestant: waits for its turn, runs, tells. Started by the suite with a task as JSON; the
messages are those of bench/suite/messages.ts.
"""
import json
import resource
import sys
import time
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).resolve().parent))
from image_model import ImageRevCol  # noqa: E402
from operations import Operation  # noqa: E402
from segmenter_model import SegmenterRevCol  # noqa: E402
from token_model import TokenRevCol  # noqa: E402

MARK = "@bench "
CHECK_RATE, TIMED_RATE = 1.0, 1e-4
KINDS = {"image": ImageRevCol, "segmenter": SegmenterRevCol, "tokens": TokenRevCol}


def say(message):
    print(MARK + json.dumps(message), flush=True)


def cpu_ms():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return 1000 * (usage.ru_utime + usage.ru_stime)


class NetworkContestant:
    def __init__(self, task):
        workload = task["workload"]
        network = workload["network"]
        is_image = network["kind"] != "tokens"
        trains = workload["pass"] == "step"
        kind = KINDS[network["kind"]]
        self.model = kind(network, checkpointed=task["variant"] == "pytorch-checkpointed").train(trains)
        if task["weights"]:
            self.model.load_file_weights(load_file(task["weights"]))
        shape = [workload["batch"], workload["extent"]]
        if is_image:
            self.model = self.model.to(memory_format=torch.channels_last)
            shape = [*shape, workload["extent"], network["inputChannels"]]
        if task["inputs"]:
            given = load_file(task["inputs"])
            x, labels = given["x"], given["labels"].long() if trains else None
        else:
            count = workload["batch"] * (1 if is_image else workload["extent"])
            classes = network["classes" if is_image else "vocabulary"]
            x = torch.randn(shape) if is_image else torch.randint(classes, shape)
            labels = torch.randint(classes, [count]) if trains else None
        self.x = x.permute(0, 3, 1, 2) if is_image else x.long()
        self.labels = labels
        self.parameters = sum(p.numel() for p in self.model.parameters())
        self.programs = {"step": self.timed_step} if trains else {"forward": self.forward}
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=TIMED_RATE)

    def forward(self):
        with torch.inference_mode():
            return self.model(self.x)

    def step(self, optimizer):
        optimizer.zero_grad()
        loss = F.cross_entropy(self.model(self.x), self.labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    def timed_step(self):
        self.step(self.optimizer)

    def check(self, file):
        tensors = {"output": self.forward().contiguous().clone()}
        if "step" in self.programs:
            loss = self.step(torch.optim.SGD(self.model.parameters(), lr=CHECK_RATE))
            tensors.update(self.model.file_weights(), loss=torch.tensor([loss]))
        save_file(tensors, file)


class OperationsContestant:
    def __init__(self, task):
        tensors = load_file(task["inputs"])
        self.operations = [Operation(name, tensors) for name in task["workload"]["operations"]]
        self.parameters = None
        self.programs = {}
        for operation in self.operations:
            self.programs[operation.name] = operation.forward
            self.programs[f"{operation.name} and gradient"] = operation.gradients

    def check(self, file):
        results = {}
        for operation in self.operations:
            results[f"{operation.name}/output"] = operation.forward().contiguous()
            for key, gradient in zip(operation.keys, operation.gradients()):
                results[f"d {key}"] = gradient.contiguous()
        save_file(results, file)


def answer(contestant, request):
    if request["do"] == "check":
        contestant.check(request["file"])
        return {}
    run = contestant.programs[request["program"]]
    if request["do"] == "count":
        run()
        # PyTorch does not tell how much memory its tensors take on a CPU.
        return {"peakBytes": None}
    cpu, start = cpu_ms(), time.perf_counter()
    for _ in range(request["times"]):
        run()
    ms = 1000 * (time.perf_counter() - start)
    return {"ms": ms / request["times"], "cpuMs": (cpu_ms() - cpu) / request["times"]}


def main():
    try:
        task = json.loads(sys.argv[1])
        torch.set_num_threads(task["threads"])
        kind = OperationsContestant if "operations" in task["workload"] else NetworkContestant
        contestant = kind(task)
        say({
            "versions": {"torch": torch.__version__, "python": sys.version.split()[0]},
            "parameters": contestant.parameters,
            "programs": list(contestant.programs),
        })
        for line in sys.stdin:
            say(answer(contestant, json.loads(line)))
    except Exception as error:  # Whatever it is, the suite tells it.
        say({"error": f"{type(error).__name__}: {error}"})
        sys.exit(1)


main()
