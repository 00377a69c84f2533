"""Two tasks with accumulation, clipping, spaces and frozen pairs: the whole method on t5-tiny."""
from pathlib import Path

import torch

import adapters
from adapters import name_of
from files import relative_error, write_json, write_tensors
from gradspace import grow
from models import encoder_decoder_batch, encoder_decoder_outputs, open_model
from optimizer import LEAST_GAP, LEAST_TIE, Group, ProjectedAdamW
from verification import Verification

THRESHOLD = 0.9
LEAST_MARGIN = 2e-3

CONFIG = {
    "r": 3, "lora_alpha": 24, "scaling": 8.0, "lora_dropout": 0.0, "learning_rate": 1e-3, "galore_lr": 1e-2,
    "galore_rank": 3, "galore_update_proj_gap": 3, "galore_scale": 1.0, "galore_proj_type": "std",
    "gradient_accumulation_steps": 2, "micro_batches_per_task": 6, "num_train_epochs": 2, "optimizer_steps_per_task": 6,
    "max_grad_norm": 1.0, "betas": [0.9, 0.999], "eps": 1e-6, "weight_decay": 0.0, "lr_scheduler": "constant",
    "lora_modules": adapters.LORA_MODULES, "optim_target_modules": adapters.FULL_RANK_MODULES,
    "base_model": "../t5-tiny", "space_rule": f"official, threshold {THRESHOLD}",
}


class Run:
    """Both tasks once, with one sign rule and in one precision."""

    def __init__(self, model_config: dict, base_seed: int, given: dict, settings: dict, fix_signs: bool, dtype) -> None:
        self.settings, self.fix_signs, self.dtype, self.given = settings, fix_signs, dtype, given
        self.model = open_model(model_config, base_seed).to(dtype).requires_grad_(False)
        self.lora = list(adapters.lora_layers(self.model))
        self.full_rank = adapters.full_rank_layers(self.model)
        self.pairs: adapters.Pairs = {}
        adapters.attach(self.model, self.pairs, settings["scaling"])
        self.spaces: dict[str, torch.Tensor | None] = {}
        self.tensors: dict[str, torch.Tensor] = {}
        self.tasks: list[dict] = []
        self.margins = {"tie": 1.0, "gap": 1.0, "threshold": 1.0}
        for task in (1, 2):
            self._task(task)

    def _task(self, task: int) -> None:
        for layer in self.lora:
            for part in ("loranew_A", "loranew_B"):
                name = name_of(layer, part)
                start = self.given[f"task{task}/{name}"].to(self.dtype)
                self.pairs[name] = start.clone().requires_grad_(True)
        self.optimizers = {**self._adapter_optimizers(), **self._full_rank_optimizers()}
        records = {"micro_batch_losses": [], "step_losses": [], "grad_norms_before_clipping": []}
        accumulation = self.settings["gradient_accumulation_steps"]
        for _ in range(self.settings["num_train_epochs"]):
            for first in range(0, self.settings["micro_batches_per_task"], accumulation):
                self._step(task, range(first, first + accumulation), records)
        self._end(task, records)

    def _adapter_optimizers(self) -> dict[str, ProjectedAdamW]:
        found, lr = {}, self.settings["learning_rate"]
        for layer in self.lora:
            A = name_of(layer, "loranew_A")
            space = self.spaces.get(A.removesuffix(".weight"))
            found[A] = ProjectedAdamW(Group("lora", lr), space, self.fix_signs)
            found[name_of(layer, "loranew_B")] = ProjectedAdamW(Group("regular", lr), None, self.fix_signs)
        return found

    def _full_rank_optimizers(self) -> dict[str, ProjectedAdamW]:
        settings, found = self.settings, {}
        for layer in self.full_rank:
            group = Group(
                "galore", settings["galore_lr"], rank=settings["galore_rank"], scale=settings["galore_scale"],
                update_proj_gap=settings["galore_update_proj_gap"], proj_type=settings["galore_proj_type"],
            )
            found[layer] = ProjectedAdamW(group, self.spaces.get(layer), self.fix_signs)
        return found

    def _trained(self) -> dict[str, torch.Tensor]:
        pairs = {name: pair for name, pair in self.pairs.items() if "loranew" in name}
        return {**pairs, **{layer: module.weight for layer, module in self.full_rank.items()}}

    def _step(self, task: int, micro_batches: range, records: dict) -> None:
        trained, losses = self._trained(), []
        for tensor in trained.values():
            tensor.requires_grad_(True)
            tensor.grad = None
        for index in micro_batches:
            batch = {
                name: self.given[f"task{task}/batch{index}/{name}"]
                for name in ("input_ids", "attention_mask", "labels", "decoder_input_ids")
            }
            loss = encoder_decoder_outputs(self.model, batch)["loss"]
            (loss / len(micro_batches)).backward()
            losses.append(float(loss))
        norm = torch.nn.utils.clip_grad_norm_(trained.values(), self.settings["max_grad_norm"])
        with torch.no_grad():
            for name, tensor in trained.items():
                optimizer = self.optimizers[name]
                tensor.copy_(optimizer.step(tensor, tensor.grad))
                index = optimizer.step_index - 1
                if name in self.full_rank and index % self.settings["galore_update_proj_gap"] == 0:
                    projection = optimizer.projection
                    for side, vectors in (("U", projection.U), ("V", None if projection.V is None else projection.V.T)):
                        if vectors is not None:
                            self._keep(task, f"refresh{index}/{name}.{side}", vectors)
        records["micro_batch_losses"] += losses
        records["step_losses"].append(sum(losses) / len(losses))
        records["grad_norms_before_clipping"].append(float(norm))

    def _end(self, task: int, records: dict) -> None:
        for name, tensor in self._trained().items():
            self._keep(task, f"final/{name}" if name in self.pairs else f"final/{name}.weight", tensor)
        ranks = {}
        for name, optimizer in self.optimizers.items():
            for margin in optimizer.margins:
                self.margins = {**self.margins, **{key: min(self.margins[key], x) for key, x in margin.items()}}
            if optimizer.group.group == "regular":
                continue
            key = name.removesuffix(".weight")
            space = self.spaces.get(key)
            grown, energies = grow(None if space is None else space.double(), optimizer.m.double(), THRESHOLD, "official")
            distance = min(abs(energy - THRESHOLD) for energy in energies)
            self.margins["threshold"] = min(self.margins["threshold"], distance)
            self.spaces[key] = grown.to(self.dtype)
            ranks[key] = grown.shape[1]
            self._keep(task, f"exp_avg/{key}", optimizer.m)
            self._keep(task, f"space_projector/{key}", grown @ grown.T)
        for layer in self.lora:
            for part, dim in (("A", 0), ("B", 1)):
                earlier, new = name_of(layer, f"lora_{part}"), name_of(layer, f"loranew_{part}")
                joined = [self.pairs[earlier]] if earlier in self.pairs else []
                self.pairs[earlier] = torch.cat([*joined, self.pairs[new].detach()], dim=dim)
                self._keep(task, f"concatenated/{earlier}", self.pairs[earlier])
        self.tasks.append({**records, "space_ranks": ranks})

    def _keep(self, task: int, name: str, tensor: torch.Tensor) -> None:
        self.tensors[f"task{task}/{name}"] = tensor.detach().clone()


def _given(model_config: dict, seed: int, settings: dict, layers: dict, sizes: dict) -> tuple[dict, dict]:
    """Batches of both tasks, and the pairs that they start from."""
    generator = torch.Generator().manual_seed(seed)
    batches, init = {}, {}
    for task in (1, 2):
        for index in range(settings["micro_batches_per_task"]):
            batch = encoder_decoder_batch(model_config, seed * 1000 + task * 100 + index, **sizes)
            batches |= {f"task{task}/batch{index}/{name}": tensor for name, tensor in batch.items()}
        for layer, module in layers.items():
            out, inputs = module.weight.shape
            A = (2 * torch.rand(settings["r"], inputs, generator=generator) - 1) / inputs**0.5
            init[f"task{task}/{name_of(layer, 'loranew_A')}"] = A
            init[f"task{task}/{name_of(layer, 'loranew_B')}"] = torch.zeros(out, settings["r"])
    return batches, init


def write_continual(
    folder: Path, model_config: dict, seed: int, base_seed: int, verification: Verification, *,
    changes: dict | None = None, rows: int = 3, source: int = 13, target: int = 5,
) -> None:
    settings = {**CONFIG, **(changes or {})}
    layers = adapters.lora_layers(open_model(model_config, base_seed))
    for attempt in range(seed, seed + 60):
        sizes = {"rows": rows, "source": source, "target": target}
        batches, init = _given(model_config, attempt, settings, layers, sizes)
        runs = {
            name: Run(model_config, base_seed, {**batches, **init}, settings, name == "signfix", torch.float64)
            for name in ("official", "signfix")
        }
        margins = {key: min(run.margins[key] for run in runs.values()) for key in ("tie", "gap", "threshold")}
        if margins["tie"] > LEAST_TIE and margins["gap"] > LEAST_GAP / 4 and margins["threshold"] > LEAST_MARGIN:
            break
    else:
        raise AssertionError("continual: no seed avoids ties")
    write_tensors(folder / "batches.safetensors", batches)
    write_tensors(folder / "init.safetensors", init)
    expected = {f"{name}/{key}": tensor for name, run in runs.items() for key, tensor in run.tensors.items()}
    write_tensors(folder / "expected.safetensors", expected)
    write_json(folder / "run.json", {
        "config": settings, "margins": {key: round(value, 5) for key, value in margins.items()},
        **{name: {"tasks": run.tasks} for name, run in runs.items()},
    }, compact=True)

    single = Run(model_config, base_seed, {**batches, **init}, settings, True, torch.float32)
    for task, (found, wanted) in enumerate(zip(single.tasks, runs["signfix"].tasks), start=1):
        differs = sum(found["space_ranks"][key] != rank for key, rank in wanted["space_ranks"].items())
        verification.record(f"continual run task {task}: ranks that differ in float32", differs, 0)
        losses = [torch.tensor(one["micro_batch_losses"]) for one in (found, wanted)]
        verification.record(f"continual run task {task}: losses, float32", relative_error(*losses), 1e-5)
    base = open_model(model_config, base_seed)
    for key, wanted in runs["signfix"].tensors.items():
        task, kind, name = key.split("/", 2)
        if kind != "final":
            continue
        start = init.get(f"{task}/{name}")
        if start is None:
            before = runs["signfix"].tensors.get(f"task1/final/{name}") if task == "task2" else None
            start = base.get_parameter(name) if before is None else before
        error = relative_error(single.tensors[key].double() - start.double(), wanted - start.double())
        verification.record(f"continual run {task}: changes of trained tensors, float32", error, 2e-3)
