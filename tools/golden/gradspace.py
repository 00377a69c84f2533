"""The shared gradient space after each of three tasks, by the paper's rule and by that of the released code."""
from pathlib import Path

import torch

from files import write_json, write_tensors
from verification import Verification

THRESHOLDS = {"paper_0.90": 0.90, "paper_0.95": 0.95}
OFFICIAL = 0.9
# Least distance of a cumulative energy from its threshold.
LEAST_MARGIN = 2e-3


def grow(space: torch.Tensor | None, M: torch.Tensor, threshold: float, rule: str) -> tuple[torch.Tensor, list[float]]:
    """S with the new columns, and the cumulative energies that were compared: docs/method.md, section 4."""
    total = M.square().sum()
    R = M if space is None else M - space @ (space.T @ M)
    U, sigma, _ = torch.linalg.svd(R, full_matrices=False)
    held = 0.0 if space is None else float((total - R.square().sum()) / total)
    energies = (held + sigma.square().cumsum(0) / total).tolist()
    below = sum(energy < threshold for energy in energies)
    if space is None:
        added = below if rule == "official" else below + 1
        space = U[:, :0]
    else:
        added = 0 if held >= threshold else below + 1
    columns = torch.cat([space, U[:, : min(added, U.shape[1])]], dim=1)
    return columns[:, : M.shape[0]], [held, *energies]


def moments_of(kind: str, shape: tuple[int, int], generator: torch.Generator) -> torch.Tensor:
    """A first moment whose spectrum decays, has one dominant direction, or is flat."""
    count = min(shape)
    sigma = {
        "decay": 0.75 ** torch.arange(count), "flat": torch.linspace(1, 0.8, count),
        "dominant": torch.cat([torch.ones(1), 0.05 * 0.9 ** torch.arange(count - 1)]),
    }[kind].double()
    sigma = sigma * (1 + 0.2 * torch.rand(count, generator=generator, dtype=torch.float64))
    left, right = (torch.linalg.qr(torch.randn(n, count, generator=generator, dtype=torch.float64)).Q for n in shape)
    return ((left * sigma) @ right.T * 1e-3).float()


def write_gradspace(folder: Path, seed: int, verification: Verification, *, shapes=((23, 6), (5, 29), (17, 17))) -> None:
    moments, expected, ranks = {}, {}, {}
    for shape in shapes:
        for kind in ("decay", "dominant", "flat"):
            name = f"{shape[0]}x{shape[1]}_{kind}"
            for attempt in range(seed, seed + 500):
                generator = torch.Generator().manual_seed(attempt)
                Ms = [moments_of(kind, shape, generator) for _ in range(3)]
                tasks, projectors, margin = _sequence(Ms)
                if margin >= LEAST_MARGIN:
                    break
            else:
                raise AssertionError(f"{name}: no seed keeps energies away from the threshold")
            moments |= {f"{name}/M.{t}": M for t, M in enumerate(Ms)}
            expected |= {f"{name}/{key}": P for key, P in projectors.items()}
            ranks[name] = {"shape": list(shape), "margin": round(margin, 5), "tasks": tasks}
            single, _, _ = _sequence(Ms, torch.float32)
            differs = sum(a[key] != b[key] for a, b in zip(single, tasks) for key in a if key != "energy_cumulative_of_M")
            verification.record("gradient space: ranks that differ in float32", differs, 0)
    write_tensors(folder / "moments.safetensors", moments)
    write_tensors(folder / "expected.safetensors", expected)
    write_json(folder / "ranks.json", ranks, compact=True)


def _sequence(Ms: list[torch.Tensor], dtype: torch.dtype = torch.float64) -> tuple[list[dict], dict, float]:
    spaces: dict[str, torch.Tensor | None] = {"official": None, **{name: None for name in THRESHOLDS}}
    tasks, projectors, margin = [], {}, float("inf")
    for t, M in enumerate(Ms):
        M = M.to(dtype)
        sigma = torch.linalg.svdvals(M).square()
        cumulative = (sigma.cumsum(0) / sigma.sum()).tolist()
        task = {"task": t, "energy_cumulative_of_M": [round(x, 7) for x in cumulative]}
        paper = {"new": {}, "total": {}, "alone": {}}
        for name, space in spaces.items():
            threshold = THRESHOLDS.get(name, OFFICIAL)
            grown, energies = grow(space, M, threshold, "official" if name == "official" else "paper")
            margin = min([margin, *(abs(energy - threshold) for energy in energies)])
            new = grown.shape[1] - (0 if space is None else space.shape[1])
            projectors[f"{name}/P.{t}"] = grown @ grown.T
            spaces[name] = grown
            if name == "official":
                task |= {"official_new": new, "official_total": grown.shape[1]}
            else:
                key = name.removeprefix("paper_")
                paper["new"][key], paper["total"][key] = new, grown.shape[1]
                paper["alone"][key] = sum(x < threshold for x in cumulative) + 1
        tasks.append({
            **task, "paper_standalone_rank": paper["alone"], "paper_new": paper["new"], "paper_total": paper["total"],
        })
    return tasks, projectors, margin
