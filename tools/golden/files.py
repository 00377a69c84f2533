"""Writes the reference numbers: safetensors (float32, int32), JSON, and the seeded random projection of gradients."""
import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

# Numbers that represent a gradient of any size.
PROJECTED = 16


def write_tensors(path: Path, tensors: dict[str, torch.Tensor]) -> None:
    """Reals as float32, whole numbers as int32, row-major, in the order of their names."""
    path.parent.mkdir(parents=True, exist_ok=True)
    plain = {}
    for name, tensor in sorted(tensors.items()):
        dtype = torch.float32 if tensor.is_floating_point() else torch.int32
        plain[name] = tensor.detach().to(dtype).contiguous().clone()
    save_file(plain, path)


def write_json(path: Path, value: object, *, compact: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    layout = {"separators": (",", ":")} if compact else {"indent": 1}
    path.write_text(json.dumps(value, ensure_ascii=False, **layout) + "\n", encoding="utf-8")


def signs(count: int) -> np.ndarray:
    """The random signs r [PROJECTED, count]: the top bit of MurmurHash3's finaliser of i + 1 + (j + 1) · 0x9E3779B9.

    Unsigned 32-bit arithmetic that wraps around, so that TypeScript has the same signs (src/testing/gradients.ts).
    """
    with np.errstate(over="ignore"):
        places = np.arange(1, count + 1, dtype=np.uint32)
        rows = np.arange(1, PROJECTED + 1, dtype=np.uint32) * np.uint32(0x9E3779B9)
        h = places[None, :] + rows[:, None]
        h ^= h >> np.uint32(16)
        h *= np.uint32(0x85EBCA6B)
        h ^= h >> np.uint32(13)
        h *= np.uint32(0xC2B2AE35)
        h ^= h >> np.uint32(16)
    return np.where(h >> np.uint32(31), -1.0, 1.0)


def projected(gradient: torch.Tensor) -> torch.Tensor:
    """p_j = PROJECTED^-0.5 Σ_i r_ji g_i over the row-major entries, in float64: ‖p‖ is about ‖g‖."""
    flat = gradient.detach().to(torch.float64).reshape(-1).numpy()
    return torch.from_numpy(signs(flat.size) @ flat / PROJECTED**0.5)


def relative_error(found: torch.Tensor, wanted: torch.Tensor) -> float:
    """‖x − reference‖ / ‖reference‖, absolute where the reference is zero."""
    found, wanted = found.detach().double(), wanted.detach().double()
    size = wanted.norm().item()
    return (found - wanted).norm().item() / (size if size > 0 else 1)
