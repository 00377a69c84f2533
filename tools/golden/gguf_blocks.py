"""Random valid blocks of every GGUF type that is read with their values, and values with their blocks, by the package gguf."""
import base64
from pathlib import Path

import gguf
import numpy as np

from files import write_json

TYPES = ("F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K")

# Where the 16-bit floats of a block are; all its other bytes may have any value.
HALVES = {
    "Q8_0": (0,), "Q4_0": (0,), "Q4_1": (0, 2), "Q5_0": (0,), "Q5_1": (0, 2), "Q2_K": (80, 82), "Q3_K": (108,),
    "Q4_K": (0, 2), "Q5_K": (0, 2), "Q6_K": (208,),
}


def random_blocks(name: str, count: int, generator: np.random.Generator) -> np.ndarray:
    """Bytes [count, bytes of a block]: integers of any value, and finite floats of many sizes, zeros and subnormals."""
    if name in ("F32", "F16", "BF16"):
        values = generator.standard_normal((count, 32)) * 10.0 ** generator.integers(-5, 5, (count, 1))
        values[0, :4] = (0, -0.0, 3e-6, -6e-8)
        return gguf.quantize(values.astype(np.float32), gguf.GGMLQuantizationType[name]).view(np.uint8)
    bytes_of_block = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[name]][1]
    blocks = generator.integers(0, 256, (count, bytes_of_block), dtype=np.uint8)
    for at in HALVES[name]:
        halves = (generator.standard_normal(count) * 10.0 ** generator.integers(-6, 2, count)).astype(np.float16)
        halves[:3] = (0, -0.0, 6e-8)
        blocks[:, at : at + 2] = halves.view(np.uint8).reshape(count, 2)
    return blocks


def quantised_cases(generator: np.random.Generator) -> list[dict[str, str]]:
    """Rows of many sizes, zeros, equal values and ties, in the types that are written."""
    rows = (generator.standard_normal((12, 64)) * 10.0 ** generator.integers(-4, 3, (12, 1))).astype(np.float32)
    rows[0, :32] = 0
    rows[1] = -0.25
    rows[2, :32] = np.arange(-16, 16) / 8
    rows[3, 5], rows[3, 9] = 3, -3
    return [
        {
            "type": name, "rows": base64.b64encode(rows.tobytes()).decode(),
            "blocks": base64.b64encode(gguf.quantize(rows, gguf.GGMLQuantizationType[name]).tobytes()).decode(),
        }
        for name in ("F32", "F16", "Q8_0", "Q4_0")
    ]


def write_gguf_blocks(path: Path, seed: int, count: int = 8) -> None:
    generator = np.random.default_rng(seed)
    cases = []
    for name in TYPES:
        blocks = random_blocks(name, count, generator)
        values = gguf.dequantize(blocks, gguf.GGMLQuantizationType[name]).astype(np.float32)
        cases.append({
            "type": name, "id": int(gguf.GGMLQuantizationType[name]),
            "blocks": base64.b64encode(blocks.tobytes()).decode(),
            "values": base64.b64encode(values.tobytes()).decode(),
        })
    write_json(path, {"read": cases, "written": quantised_cases(generator)})
