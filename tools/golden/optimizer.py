"""Trajectories of the projected AdamW, implemented from docs/method.md, section 3."""
import dataclasses
from pathlib import Path

import torch

from files import relative_error, write_json, write_tensors
from verification import Verification

BETAS, EPS = (0.9, 0.999), 1e-6
# Relative distance of a vector's largest entry from the second: rounding must not decide a sign.
LEAST_TIE = 2e-3
# Relative distance of the last singular value in the basis from the next.
LEAST_GAP = 2e-2


@dataclasses.dataclass
class Projection:
    """Left vectors U [out, r] and right vectors V [in, r] of a gradient; one of them None if only the other side is projected."""

    U: torch.Tensor | None
    V: torch.Tensor | None

    def down(self, G: torch.Tensor) -> torch.Tensor:
        R = G if self.U is None else self.U.T @ G
        return R if self.V is None else R @ self.V

    def up(self, N: torch.Tensor) -> torch.Tensor:
        W = N if self.U is None else self.U @ N
        return W if self.V is None else W @ self.V.T


def sides(shape: torch.Size, proj_type: str) -> tuple[bool, bool]:
    """Whether U, whether V is used: docs/method.md, table of `proj_type`."""
    is_tall = shape[0] >= shape[1]
    return {
        "std": (not is_tall, is_tall), "reverse_std": (is_tall, not is_tall),
        "left": (True, False), "right": (False, True), "full": (True, True),
    }[proj_type]


def projection_of(G: torch.Tensor, rank: int, proj_type: str, fix_signs: bool) -> tuple[Projection, dict]:
    """The first singular vectors of a gradient; with the sign rule, or with the signs that LAPACK gave."""
    U, sigma, Vt = torch.linalg.svd(G, full_matrices=False)
    U, V = U[:, :rank], Vt[:rank].T
    has_left, has_right = sides(G.shape, proj_type)
    deciding = U if has_left else V
    largest = deciding.abs().argmax(dim=0)
    if fix_signs:
        sign = deciding[largest, torch.arange(rank)].sign()
        U, V = U * sign, V * sign
    top = deciding.abs().topk(2, dim=0).values
    margins = {
        "tie": float((1 - top[1] / top[0]).min()),
        "gap": float((sigma[rank - 1] - sigma[rank]) / sigma[0]) if rank < len(sigma) else 1.0,
    }
    return Projection(U if has_left else None, V if has_right else None), margins


@dataclasses.dataclass
class Group:
    """How a tensor is trained: `regular` (plain), `lora` (S before the moments), `galore` (low-rank projection)."""

    group: str
    lr: float
    weight_decay: float = 0.0
    rank: int | None = None
    update_proj_gap: int | None = None
    scale: float | None = None
    proj_type: str | None = None


class ProjectedAdamW:
    """One tensor's optimizer."""

    def __init__(self, group: Group, space: torch.Tensor | None, fix_signs: bool) -> None:
        self.group, self.space, self.fix_signs = group, space, fix_signs
        self.step_index = 0
        self.projection: Projection | None = None
        self.margins: list[dict] = []
        self.m: torch.Tensor | None = None
        self.v: torch.Tensor | None = None

    def step(self, weight: torch.Tensor, G: torch.Tensor) -> torch.Tensor:
        group = self.group
        if group.group == "galore":
            if self.step_index % group.update_proj_gap == 0:
                self.projection, margins = projection_of(G, group.rank, group.proj_type, self.fix_signs)
                self.margins.append(margins)
            G = self.projection.down(G)
        if group.group != "regular" and self.space is not None:
            G = G - self.space @ (self.space.T @ G)
        if self.m is None:
            self.m, self.v = torch.zeros_like(G), torch.zeros_like(G)
        self.step_index += 1
        t = self.step_index
        self.m = BETAS[0] * self.m + (1 - BETAS[0]) * G
        self.v = BETAS[1] * self.v + (1 - BETAS[1]) * G * G
        size = group.lr * (1 - BETAS[1] ** t) ** 0.5 / (1 - BETAS[0] ** t)
        N = self.m / (self.v.sqrt() + EPS)
        update = group.scale * self.projection.up(N) if group.group == "galore" else N
        return (weight - size * update) * (1 - group.lr * group.weight_decay)


def cases(shapes: dict[str, tuple[int, int]], rank: int, gap: int) -> list[dict]:
    """How each tensor is trained: id, shape, group and its settings, columns of S (0: none)."""

    def one(name: str, shape: str, group: str, columns: int = 0, **settings) -> dict:
        lr = 1e-2 if group == "galore" else 1e-3
        low = {"rank": rank, "update_proj_gap": gap} if group == "galore" else {}
        return {
            "id": name, "shape": list(shapes[shape]), "group": group, "lr": lr,
            "S_columns": columns, "has_S": columns > 0, **low, **settings,
        }

    tall, few = [], rank - 1  # S of `rank` rows has fewer columns
    for proj_type in ("right", "left", "full", "reverse_std"):
        columns = 5 if proj_type == "right" else few
        tall.append(one(f"galore_{proj_type}", "tall", "galore", proj_type=proj_type, scale=0.25))
        tall.append(one(f"galore_{proj_type}_S", "tall", "galore", columns, proj_type=proj_type, scale=0.25))
    standard = []
    for shape in ("tall", "wide", "square"):
        columns = few if shape == "wide" else 5
        standard += [
            one(f"galore_{shape}_s1", shape, "galore", proj_type="std", scale=1.0),
            one(f"galore_{shape}_s025_S", shape, "galore", columns, proj_type="std", scale=0.25),
        ]
    return [
        one("regular_tall", "tall", "regular"), one("regular_A", "A", "regular"), one("regular_B", "B", "regular"),
        one("regular_B_wd", "B", "regular", weight_decay=0.01),
        one("loraA_noS", "A", "lora"), one("loraA_S", "A", "lora", 2), one("loraB_S", "B", "lora", 4),
        *standard, *tall,
    ]


def gradients_of(shape: tuple[int, int], steps: int, generator: torch.Generator) -> torch.Tensor:
    """Gradients that have a few main directions which turn slowly, as in training: [steps, out, in]."""
    out, inputs = shape
    left, right = torch.randn(out, 6, generator=generator), torch.randn(inputs, 6, generator=generator)
    sizes = 0.6 ** torch.arange(6)
    found = []
    for _ in range(steps):
        left = left + 0.25 * torch.randn(left.shape, generator=generator)
        right = right + 0.25 * torch.randn(right.shape, generator=generator)
        noise = 0.3 * torch.randn(shape, generator=generator)
        found.append(0.1 * ((left * sizes) @ right.T + noise))
    return torch.stack(found)


def write_optimizer(
    folder: Path, seed: int, verification: Verification, *,
    tall: tuple[int, int] = (26, 18), small: tuple[int, int] = (5, 23), square: int = 19,
    rank: int = 3, gap: int = 7, steps: int = 17,
) -> None:
    shapes = {"tall": tall, "wide": tall[::-1], "square": (square, square), "A": small, "B": small[::-1]}
    snapshots, refreshes = [1, gap, gap + 1, steps], list(range(0, steps, gap))
    given = cases(shapes, rank, gap)
    for attempt in range(seed, seed + 200):
        generator = torch.Generator().manual_seed(attempt)
        inputs = {}
        for shape in shapes.values():
            name = f"{shape[0]}x{shape[1]}"
            inputs[f"{name}.w0"] = torch.randn(shape, generator=generator) * 0.5
            inputs[f"{name}.g"] = gradients_of(shape, steps, generator)
        expected, margins = _trajectories(given, inputs, snapshots, refreshes, generator)
        if all(m["tie"] > LEAST_TIE and m["gap"] > LEAST_GAP for m in margins):
            break
    else:
        raise AssertionError("no seed gives singular vectors that are clearly apart")
    for case in given:
        if case["group"] == "galore":
            case["sign_sensitivity"] = _sensitivity(case, inputs, expected, snapshots)
    write_tensors(folder / "gradients.safetensors", inputs)
    write_json(folder / "cases.json", {
        "defaults": {"betas": list(BETAS), "eps": EPS, "weight_decay": 0.0, "correct_bias": True},
        "steps": steps, "snapshots_after_step": snapshots, "refresh_at_step_index": refreshes, "cases": given,
    })
    write_tensors(folder / "trajectories.safetensors", expected)
    _verify(given, inputs, expected, verification)


def _group(case: dict) -> Group:
    fields = {field.name for field in dataclasses.fields(Group)}
    return Group(**{key: value for key, value in case.items() if key in fields})


def _inputs(case: dict, inputs: dict, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    name = f"{case['shape'][0]}x{case['shape'][1]}"
    return inputs[f"{name}.w0"].to(dtype), inputs[f"{name}.g"].to(dtype)


def _space_rows(case: dict) -> int:
    """S acts on the rows of what Adam sees."""
    if case["group"] != "galore":
        return case["shape"][0]
    return case["rank"] if sides(torch.Size(case["shape"]), case["proj_type"])[0] else case["shape"][0]


def _trajectories(given, inputs, snapshots, refreshes, generator) -> tuple[dict, list[dict]]:
    """In float64 from the stored float32 inputs, so that the stored results are right to the last digit."""
    expected, margins = {}, []
    for case in given:
        space = None
        if case["has_S"]:
            random = torch.randn(_space_rows(case), case["S_columns"], generator=generator, dtype=torch.float64)
            space = torch.linalg.qr(random).Q.float().double()
            expected[f"{case['id']}/S"] = space
        for run in ("official", "signfix") if case["group"] == "galore" else ("official",):
            prefix = f"{case['id']}/{run}"
            weight, gradients = _inputs(case, inputs, torch.float64)
            optimizer = ProjectedAdamW(_group(case), space, run == "signfix")
            for index, G in enumerate(gradients):
                weight = optimizer.step(weight, G)
                if case["group"] == "galore" and index in refreshes:
                    if optimizer.projection.U is not None:
                        expected[f"{prefix}/U.{index}"] = optimizer.projection.U
                    if optimizer.projection.V is not None:
                        expected[f"{prefix}/V.{index}"] = optimizer.projection.V.T
                if index + 1 in snapshots:
                    expected[f"{prefix}/w.{index + 1}"] = weight
            expected[f"{prefix}/exp_avg"], expected[f"{prefix}/exp_avg_sq"] = optimizer.m, optimizer.v
            margins += optimizer.margins
    return expected, margins


def _sensitivity(case, inputs, expected, snapshots) -> dict[str, float]:
    """Relative difference of the change w.t − w0 between the two runs; 0 where signs do not matter yet."""
    start, found = _inputs(case, inputs, torch.float64)[0], {}
    for t in snapshots:
        official, signfix = (expected[f"{case['id']}/{run}/w.{t}"] - start for run in ("official", "signfix"))
        difference = relative_error(official, signfix)
        found[str(t)] = 0.0 if difference < 1e-9 else float(f"{difference:.3g}")
    return found


def _verify(given, inputs, expected, verification: Verification) -> None:
    """The same in float32, and plain Adam by torch.optim (whose eps is added to the corrected root)."""
    for case in given:
        run = "signfix" if case["group"] == "galore" else "official"
        start, gradients = _inputs(case, inputs, torch.float32)
        space = expected.get(f"{case['id']}/S")
        optimizer = ProjectedAdamW(_group(case), None if space is None else space.float(), True)
        weight = start
        for G in gradients:
            weight = optimizer.step(weight, G)
        wanted = expected[f"{case['id']}/{run}/w.{len(gradients)}"]
        kind = "galore full" if case.get("proj_type") == "full" else case["group"]
        bound = 2e-2 if kind == "galore full" else 5e-4
        verification.record(
            f"optimizer {kind}: change w.t − w0, float32", relative_error(weight - start, wanted - start), bound
        )
    for case in given:
        if case["group"] != "regular":
            continue
        start, gradients = _inputs(case, inputs, torch.float64)
        weight = torch.nn.Parameter(start.clone())
        decay = case.get("weight_decay", 0.0)
        for t, G in enumerate(gradients, start=1):
            # One step of torch.optim.AdamW from the state before: its eps is scaled to mean the same.
            if t == 1:
                torch_optimizer = torch.optim.AdamW([weight], lr=case["lr"], betas=BETAS, weight_decay=0.0)
            torch_optimizer.param_groups[0]["eps"] = EPS / (1 - BETAS[1] ** t) ** 0.5
            weight.grad = G.clone()
            torch_optimizer.step()
            weight.data.mul_(1 - case["lr"] * decay)
        wanted = expected[f"{case['id']}/official/w.{len(gradients)}"]
        verification.record(
            "optimizer regular: change w.t − w0, torch.optim.AdamW", relative_error(weight - start, wanted - start), 1e-9
        )
