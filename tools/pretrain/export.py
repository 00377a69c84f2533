"""Writes a pre-trained checkpoint with Hugging Face's files: config.json, model.safetensors (float16), the tokenizer's.

    python3 export.py MODEL.pt TOKENIZER_DIR OUT_DIR
"""
import hashlib
import json
import os
import struct
import sys

import torch

from families import saved_model


def write_safetensors(tensors, path):
    header, at, parts = {"__metadata__": {"format": "pt"}}, 0, []
    for name in sorted(tensors):
        data = tensors[name].to(torch.float16).contiguous().numpy().tobytes()
        header[name] = {"dtype": "F16", "shape": list(tensors[name].shape), "data_offsets": [at, at + len(data)]}
        at += len(data)
        parts.append(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(parts))


def read_json(path):
    with open(path, encoding="utf8") as file:
        return json.load(file)


def write_json(value, path, **how):
    with open(path, "w", encoding="utf8") as file:
        json.dump(value, file, **how)


def main():
    checkpoint, tokenizer, out = sys.argv[1:]
    saved = torch.load(checkpoint)
    family, model = saved_model(saved)
    os.makedirs(out, exist_ok=True)
    path = os.path.join(out, "model.safetensors")
    write_safetensors(model.hugging_face_state(), path)
    write_json(family.hugging_face_config(saved["config"]), os.path.join(out, "config.json"), indent=1)
    names = ("tokenizer.json", "tokenizer_config.json")
    files = family.tokenizer_files(*(read_json(os.path.join(tokenizer, name)) for name in names))
    write_json(files[0], os.path.join(out, names[0]), ensure_ascii=False, separators=(",", ":"))
    write_json(files[1], os.path.join(out, names[1]), indent=1)
    with open(path, "rb") as file:
        print(f"{saved['steps']} steps, {saved['tokens']} source tokens, sha256 {hashlib.sha256(file.read()).hexdigest()}")


if __name__ == "__main__":
    main()
