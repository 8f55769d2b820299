"""What Python's readers make of files: a line of JSON for each, as scripts/fuzz/target.ts has it of ours.

    python judge.py pickle|zip|safetensors|png|torch FOLDER
"""
import io
import json
import math
import os
import pickle
import struct
import sys
import warnings
import zipfile

warnings.filterwarnings("ignore")


class NotCompared(Exception):
    pass


class Stub:
    """Stands for whatever a pickle names; records what is done with it, and does nothing."""

    module = name = ""

    def __new__(cls, *args, **keywords):
        made = object.__new__(cls)
        made.args = list(args)
        made.state = made.entries = None
        made.items = []
        made.odd = bool(keywords)
        return made

    def __init__(self, *args, **keywords):
        pass

    def __setstate__(self, state):
        self.state = state

    def append(self, item):
        self.items.append(item)

    def extend(self, items):
        self.items.extend(items)

    def add(self, item):
        self.items.append(item)

    def __setitem__(self, key, value):
        self.entries = self.entries or {}
        self.entries[key] = value

    def __call__(self, *args):
        raise NotCompared("an object is called")


class Unpickler(pickle._Unpickler):
    """Python's own in Python: the one in C keeps what is set on a class from being seen."""

    known = {}

    def find_class(self, module, name):
        key = (module, name)
        if key not in self.known:
            self.known[key] = type("S", (Stub,), {"module": module, "name": name})
        return self.known[key]

    def persistent_load(self, id):
        made = self.find_class("persistent", "id")(id)
        return made

    def get_extension(self, code):
        self.append(self.find_class("copyreg extension", str(code)))


def number(value):
    if isinstance(value, int):
        return f"n:{value}"
    if math.isnan(value):
        return "f:nan"
    if not math.isinf(value) and value == int(value):
        return f"n:{int(value)}"
    return "f:" + struct.pack(">d", value).hex()


def to_json(value, above=()):
    if value is None:
        return "none"
    if value is True or value is False:
        return str(value).lower()
    if isinstance(value, (int, float)):
        return number(value)
    if isinstance(value, str):
        if any(0xD800 <= ord(c) < 0xE000 for c in value):
            raise NotCompared("half a character")
        return "s:" + value
    if isinstance(value, (bytes, bytearray)):
        return "b:" + bytes(value).hex()
    if any(value is one for one in above) or len(above) > 50:
        raise NotCompared("a circle")
    inside = (*above, value)

    def inner(item):
        return to_json(item, inside)

    if isinstance(value, (list, tuple)):
        return ["l", *map(inner, value)]
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise NotCompared("a key of a kind")
        return ["d", *([inner(key), inner(item)] for key, item in value.items())]
    if isinstance(value, (set, frozenset)):
        texts = {json.dumps(inner(item), separators=(",", ":"), ensure_ascii=False) for item in value}
        return ["set", *sorted(texts, key=lambda text: text.encode("utf-16-be"))]
    if isinstance(value, type) and issubclass(value, Stub):
        return ["g", value.module, value.name]
    if isinstance(value, Stub):
        if value.odd:
            raise NotCompared("keywords")
        rest = [inner(value.state), inner(value.items), inner(value.entries)]
        return ["o", value.module, value.name, inner(value.args), *rest]
    raise NotCompared(type(value).__name__)


def read_pickle(data):
    return to_json(Unpickler(io.BytesIO(data), encoding="latin1").load())


def read_zip(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = []
        for info in archive.infolist():
            if info.file_size > 1 << 20:
                raise NotCompared("large")
            entries.append([info.orig_filename, archive.read(info).hex()])
    names = [name for name, _ in entries]
    if len(set(names)) != len(names):
        raise NotCompared("a name twice")
    return sorted(entries, key=lambda entry: entry[0].encode("utf-16-be"))


def read_safetensors(data):
    from safetensors import deserialize

    tensors = [[name, list(one["shape"]), bytes(one["data"]).hex()] for name, one in deserialize(data)]
    return sorted(tensors, key=lambda tensor: tensor[0].encode("utf-16-be"))


def read_png(data):
    from PIL import Image

    with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
        if getattr(image, "n_frames", 1) > 1:
            raise NotCompared("a film")
        if image.width * image.height > 1 << 16:
            raise NotCompared("large")
        rgb = image.convert("RGB")
        return [rgb.width, rgb.height, rgb.tobytes().hex()]


def read_torch(data):
    import torch

    state = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    for key in ("state_dict_ema", "state_dict", "model_ema", "model"):
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            raise NotCompared("parts")
    if not isinstance(state, dict) or not all(isinstance(key, str) for key in state):
        raise NotCompared("no dict of names")
    tensors = []
    for name, tensor in state.items():
        if not isinstance(tensor, torch.Tensor):
            raise NotCompared("no tensor")
        values = tensor.detach().to(torch.float32).contiguous().numpy()
        tensors.append([name, list(tensor.shape), values.tobytes().hex()])
    return sorted(tensors, key=lambda tensor: tensor[0].encode("utf-16-be"))


def main():
    name, folder = sys.argv[1:]
    read = globals()[f"read_{name}"]
    for file in sorted(os.listdir(folder)):
        with open(os.path.join(folder, file), "rb") as opened:
            data = opened.read()
        try:
            verdict = {"outcome": "read", "content": read(data)}
        except NotCompared:
            verdict = {"outcome": "not compared"}
        except (MemoryError, RecursionError):
            verdict = {"outcome": "not compared"}
        except BaseException as error:  # Readers in Rust panic with what is no Exception.
            verdict = {"outcome": "refused", "message": f"{type(error).__name__}: {error}"[:200]}
        print(json.dumps({"file": file, **verdict}), flush=True)


main()
