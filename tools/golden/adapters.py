"""LoRA pairs added to the layers of a model, O-LoRA style: a frozen pair of earlier tasks, and the pair in training."""
import re

import torch

LORA_MODULES = r".*SelfAttention.(q|v).*"
FULL_RANK_MODULES = r".*EncDecAttention.(q|v).*"
PREFIX = "base_model.model."

Pairs = dict[str, torch.Tensor]


def lora_layers(model: torch.nn.Module) -> dict[str, torch.nn.Linear]:
    return _linear(model, LORA_MODULES)


def full_rank_layers(model: torch.nn.Module) -> dict[str, torch.nn.Linear]:
    return _linear(model, FULL_RANK_MODULES)


def _linear(model: torch.nn.Module, pattern: str) -> dict[str, torch.nn.Linear]:
    return {
        name: module for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and re.fullmatch(pattern, name)
    }


def name_of(layer: str, part: str) -> str:
    """For example `base_model.model.<layer>.loranew_A.weight`."""
    return f"{PREFIX}{layer}.{part}.weight"


def attach(model: torch.nn.Module, pairs: Pairs, scaling: float) -> list:
    """y ← y + s (x Aᵀ) Bᵀ for every pair in `pairs`, read at each call. Returns the hooks."""

    def hook(layer: str):
        def add(_module, inputs, output):
            for kind in ("lora", "loranew"):
                A, B = pairs.get(name_of(layer, f"{kind}_A")), pairs.get(name_of(layer, f"{kind}_B"))
                if A is not None and A.shape[0] > 0:
                    output = output + scaling * (inputs[0] @ A.T) @ B.T
            return output

        return add

    return [module.register_forward_hook(hook(name)) for name, module in lora_layers(model).items()]
