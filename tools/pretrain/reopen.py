"""Turns an exported model folder back into what pretrain.py resumes from: a checkpoint and a SentencePiece model.

    python3 reopen.py public/embedded/model OUT_DIR      writes OUT_DIR/model.pt and OUT_DIR/tokenizer/

Weights come back as stored, rounded to float16; the moments of the optimizer are not saved. Needs Debian's
python3-protobuf besides the packages of the README.
"""
import json
import os
import shutil
import struct
import sys

import sentencepiece.sentencepiece_model_pb2 as sentencepiece_model
import torch

from families import FAMILIES
from tokenizer import EOS, PAD, UNK


def read_safetensors(path):
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        data = bytearray(file.read())
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        first, end = entry["data_offsets"]
        values = torch.frombuffer(data, dtype=torch.float16, count=(end - first) // 2, offset=first)
        tensors[name] = values.reshape(entry["shape"]).float()
    return tensors


def write_pieces(tokenizer, path):
    """The SentencePiece model of a unigram tokenizer.json from tokenizer.py."""
    special = {PAD: "CONTROL", EOS: "CONTROL", UNK: "UNKNOWN"}
    added = {token["id"] for token in tokenizer["added_tokens"]}
    model = sentencepiece_model.ModelProto()
    for i, (piece, score) in enumerate(tokenizer["model"]["vocab"]):
        kind = special.get(i) or ("USER_DEFINED" if i in added else "NORMAL")
        model.pieces.add(piece=piece, score=score, type=getattr(model.SentencePiece, kind))
    spec = model.trainer_spec
    spec.model_type, spec.vocab_size = spec.UNIGRAM, len(model.pieces)
    spec.pad_id, spec.eos_id, spec.unk_id, spec.bos_id = PAD, EOS, UNK, -1
    model.normalizer_spec.name = "identity"
    with open(path, "wb") as file:
        file.write(model.SerializeToString())


def main():
    folder, out = sys.argv[1:]
    with open(os.path.join(folder, "config.json")) as file:
        config = json.load(file)
    family = FAMILIES[config["model_type"]]
    model = family.model({name: config[name] for name in [*family.CONFIG, "vocab_size"]})
    model.load_hugging_face_state(read_safetensors(os.path.join(folder, "model.safetensors")))
    tokenizer = os.path.join(out, "tokenizer")
    os.makedirs(tokenizer, exist_ok=True)
    torch.save({"family": family.NAME, "state": model.state_dict(), "config": model.config, "steps": 0, "tokens": 0},
               os.path.join(out, "model.pt"))
    with open(os.path.join(folder, "tokenizer.json"), encoding="utf8") as file:
        write_pieces(json.load(file), os.path.join(tokenizer, "spiece.model"))
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(os.path.join(folder, name), tokenizer)


if __name__ == "__main__":
    main()
