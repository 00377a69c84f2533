"""Writes a pre-trained checkpoint as a Hugging Face T5: config.json, model.safetensors (float16), tokenizer files.

    python3 export.py MODEL.pt TOKENIZER_DIR OUT_DIR
"""
import hashlib
import json
import os
import shutil
import struct
import sys

import torch

from tokenizer import EOS, PAD


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


def main():
    checkpoint, tokenizer, out = sys.argv[1:]
    from model import T5
    saved = torch.load(checkpoint)
    model = T5(saved["config"])
    model.load_state_dict(saved["state"])
    os.makedirs(out, exist_ok=True)
    path = os.path.join(out, "model.safetensors")
    write_safetensors(model.hugging_face_state(), path)
    config = {
        "model_type": "t5", "architectures": ["T5ForConditionalGeneration"], **saved["config"],
        "num_decoder_layers": saved["config"]["num_layers"], "relative_attention_max_distance": 128,
        "layer_norm_epsilon": 1e-06, "dropout_rate": 0.0, "feed_forward_proj": "relu", "tie_word_embeddings": True,
        "is_encoder_decoder": True, "pad_token_id": PAD, "eos_token_id": EOS, "decoder_start_token_id": PAD,
        "torch_dtype": "float16",
    }
    with open(os.path.join(out, "config.json"), "w") as file:
        json.dump(config, file, indent=1)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(os.path.join(tokenizer, name), out)
    with open(path, "rb") as file:
        print(f"{saved['steps']} steps, {saved['tokens']} source tokens, sha256 {hashlib.sha256(file.read()).hexdigest()}")


if __name__ == "__main__":
    main()
