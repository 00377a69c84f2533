"""Tiny models of every architecture in every type that is read, by the package gguf, with their logits by transformers.

python lab/gguf/tiny_families.py OUT [NAME...]; families.ts compares. Needs tools/golden/requirements.txt.
"""
import copy
import hashlib
import json
import sys
from pathlib import Path

import gguf
import numpy as np

sys.path.append(str(Path(__file__).parent.parent / "golden"))
from gguf_blocks import HALVES, TYPES, random_blocks  # noqa: E402
from gguf_models import MODELS, write_gguf_model  # noqa: E402

FAMILIES = ("llama", "llama-3", "qwen2", "qwen3", "smollm3", "gemma3", "t5", "t5-gated", "umt5")
SEED = 36
# Rows are whole blocks of every type.
DECODER = {"hidden_size": 256, "intermediate_size": 256, "head_dim": 64}
T5 = {"d_model": 256, "d_ff": 256, "d_kv": 128}
DEVIATION = 0.05


def k_blocks(values: np.ndarray, kind: gguf.GGMLQuantizationType, generator: np.random.Generator) -> np.ndarray:
    """gguf writes no K types: random blocks instead, whose 16-bit floats are scaled to values of a usual size."""
    length, size = gguf.GGML_QUANT_SIZES[kind]
    blocks = random_blocks(kind.name, values.size // length, generator)
    for at in HALVES[kind.name]:
        halves = generator.uniform(0.5, 1, len(blocks)).astype(np.float16)
        blocks[:, at : at + 2] = halves.view(np.uint8).reshape(-1, 2)
    factor = DEVIATION / gguf.dequantize(blocks, kind).std()
    for at in HALVES[kind.name]:
        halves = np.ascontiguousarray(blocks[:, at : at + 2]).view(np.float16) * np.float16(factor)
        blocks[:, at : at + 2] = halves.astype(np.float16).view(np.uint8)
    return blocks.reshape(values.shape[0], -1)


def main(out: Path, names: list[str]) -> None:
    for name in names or FAMILIES:
        is_t5 = MODELS[name]["config"].get("is_encoder_decoder", False)
        config = {**copy.deepcopy(MODELS[name]["config"]), **(T5 if is_t5 else DECODER)}
        if "query_pre_attn_scalar" in config:
            config["query_pre_attn_scalar"] = config["head_dim"]
        for kind in TYPES:
            generator = np.random.default_rng(SEED)

            def blocks_of(values: np.ndarray, type_: gguf.GGMLQuantizationType) -> np.ndarray:
                return k_blocks(values, type_, generator) if "_K" in type_.name else gguf.quantize(values, type_)

            path = out / f"{name}-{kind}"
            found = write_gguf_model(path, config, [kind], SEED, blocks_of)
            hashes = {n: hashlib.sha256(v.astype("<f4").tobytes()).hexdigest() for n, v in found.items()}
            path.with_name(f"{path.name}.hashes").write_text(json.dumps(hashes))
            print(path.name, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
