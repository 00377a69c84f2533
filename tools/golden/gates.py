"""Gates of adapters over three tasks: their values and gradients, keys, and the spaces of what they read (docs/method.md, section 7)."""
from pathlib import Path

import torch
from torch.nn.functional import silu

from files import write_json, write_tensors
from gradspace import grow
from verification import Verification

PARTS = ("first", "second", "key")
SHARPNESS = 4
# Energy of covariances and of inputs that the spaces hold after the first task; it rises to 1 over the tasks.
THRESHOLDS = {"covariances": 0.995, "inputs": 0.9}
TASKS = 3
LEAST_MARGIN = 1e-3


def reads_of(gate: dict[str, torch.Tensor], prompts: torch.Tensor) -> dict[str, torch.Tensor]:
    """What each weight of a gate reads of prompts [N, D], one prompt per row."""
    hidden = silu(prompts @ gate["first"].T)
    return {"first": prompts, "second": hidden, "key": silu(hidden @ gate["second"].T)}


def gate_of(gate: dict[str, torch.Tensor], prompts: torch.Tensor) -> torch.Tensor:
    """|2 sigmoid(4 cos(p, key)) − 1| of every prompt: eq. (31)."""
    cosine = torch.nn.functional.cosine_similarity(reads_of(gate, prompts)["key"], gate["key"], dim=-1)
    return (2 * torch.sigmoid(SHARPNESS * cosine) - 1).abs()


def write_gates(folder: Path, seed: int, verification: Verification, *, D=12, width=7, prompts=9) -> None:
    for attempt in range(seed, seed + 500):
        inputs, expected, facts, margin = _tasks(attempt, D, width, prompts)
        if margin >= LEAST_MARGIN:
            break
    else:
        raise AssertionError("no seed keeps energies away from the thresholds")
    write_tensors(folder / "inputs.safetensors", inputs)
    write_tensors(folder / "expected.safetensors", expected)
    write_json(folder / "facts.json", facts)
    # Autograd against a difference quotient.
    gate = {part: inputs[f"task1/{part}"].double() for part in PARTS}
    weights, direction = inputs["weights"].double(), torch.ones_like(gate["second"])
    moved = [gate_of({**gate, "second": gate["second"] + h * direction}, inputs["task1/prompts"].double()) for h in (-1e-6, 1e-6)]
    slope = (weights @ (moved[1] - moved[0])) / 2e-6
    verification.record("gates: gradient", abs(slope - expected["task1/gradient.second"].double().sum()).item(), 1e-5)


def _tasks(seed: int, D: int, width: int, count: int) -> tuple[dict, dict, dict, float]:
    generator = torch.Generator().manual_seed(seed)
    normal = lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64).float().double()
    weights = normal(count)
    inputs, expected, margin = {"weights": weights}, {}, 1.0
    ranks = {kind: {part: [] for part in PARTS} for kind in THRESHOLDS}
    spaces = {kind: {part: None for part in PARTS} for kind in THRESHOLDS}
    gates = []
    for task in range(1, TASKS + 1):
        mean = 2 * normal(D)
        prompts = mean + 0.8 * normal(count, D)
        gate = {"first": normal(width, D) / D**0.5, "second": normal(D, width) / width**0.5, "key": normal(1, D)}
        reads = reads_of(gate, prompts)
        for kind, own in spaces.items():
            if own["key"] is not None:
                outside = reads["key"] - reads["key"] @ own["key"] @ own["key"].T
                expected[f"task{task}/{kind}/key"] = torch.linalg.svd(outside).Vh[:1]
        for part in PARTS:
            gate[part].requires_grad_(True)
        value = gate_of(gate, prompts)
        (weights @ value).backward()
        for part in PARTS:
            inputs[f"task{task}/{part}"] = gate[part].detach()
            expected[f"task{task}/gradient.{part}"] = gate[part].grad
        inputs[f"task{task}/prompts"] = prompts
        gates.append({part: gate[part].detach() for part in PARTS})
        expected[f"task{task}/gates"] = torch.stack([gate_of(one, prompts) for one in gates])
        for kind, threshold in THRESHOLDS.items():
            wanted = threshold + (1 - threshold) * (task - 1) / TASKS
            for part in PARTS:
                X = reads[part].T
                M = X @ X.T if kind == "covariances" else X
                grown, energies = grow(spaces[kind][part], M, wanted, "paper")
                margin = min([margin, *(abs(energy - wanted) / (1 - wanted) for energy in energies)])
                spaces[kind][part] = grown
                ranks[kind][part].append(grown.shape[1])
                expected[f"task{task}/{kind}/P.{part}"] = grown @ grown.T
    facts = {"D": D, "width": width, "tasks": TASKS, "thresholds": THRESHOLDS, "ranks": ranks, "margin": round(margin, 5)}
    return inputs, expected, facts, margin
