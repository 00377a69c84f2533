"""A T5 with a frozen earlier pair and a new one on each adapted layer, and full-rank weights: real PEFT."""
import copy
import warnings
from pathlib import Path

import peft
import torch

import adapters
from adapters import name_of
from files import relative_error, write_json, write_tensors
from models import encoder_decoder_batch, encoder_decoder_outputs, open_model
from verification import Verification

ALPHA_OVER_RANK = 8.0


def write_lora(
    folder: Path, config: dict, seed: int, base_seed: int, verification: Verification, *,
    rank: int = 3, earlier_rank: int = 4, rows: int = 3, source: int = 17, target: int = 6,
) -> None:
    """`earlier_rank` is deliberately not a multiple of `rank`: the earlier pair may come from tasks of another rank."""
    model = open_model(config, base_seed)
    plain = copy.deepcopy(model)
    generator = torch.Generator().manual_seed(seed)
    layers = adapters.lora_layers(model)
    full_rank = list(adapters.full_rank_layers(model))
    pairs = {}
    for kind, r in (("lora", earlier_rank), ("loranew", rank)):
        for layer, module in layers.items():
            out, inputs = module.weight.shape
            pairs[name_of(layer, f"{kind}_A")] = torch.randn(r, inputs, generator=generator) / inputs**0.5
            pairs[name_of(layer, f"{kind}_B")] = 0.1 * torch.randn(out, r, generator=generator)

    def peft_config(r: int) -> peft.LoraConfig:
        return peft.LoraConfig(
            r=r, lora_alpha=int(ALPHA_OVER_RANK * r), lora_dropout=0.0, target_modules=list(layers), bias="none"
        )

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wrapped = peft.PeftModel(model, peft_config(earlier_rank), adapter_name="lora")
        wrapped.add_adapter("loranew", peft_config(rank))
        wrapped.base_model.set_adapter(["lora", "loranew"])
    named = dict(wrapped.named_parameters())
    for layer in layers:
        for kind in ("lora", "loranew"):
            for ab in ("A", "B"):
                named[f"base_model.model.{layer}.lora_{ab}.{kind}.weight"].data.copy_(pairs[name_of(layer, f"{kind}_{ab}")])
    trained = {}
    for name, parameter in named.items():
        parameter.requires_grad_(False)
        inner = name.removeprefix("base_model.model.").removesuffix(".weight")
        if name.endswith(".loranew.weight"):
            layer, ab = inner.removesuffix(".loranew").rsplit(".lora_", 1)
            trained[name_of(layer, f"loranew_{ab}")] = parameter.requires_grad_(True)
        elif inner in full_rank:
            trained[f"{inner}.weight"] = parameter.requires_grad_(True)

    batch = encoder_decoder_batch(config, seed, rows, source, target)
    outputs = encoder_decoder_outputs(wrapped, batch)
    outputs["loss"].backward()
    gradients = {name: parameter.grad for name, parameter in sorted(trained.items())}

    write_json(folder / "adapter_config.json", {
        "peft_type": "LORA", "r": rank, "r_sum": earlier_rank, "lora_alpha": int(ALPHA_OVER_RANK * rank),
        "scaling": ALPHA_OVER_RANK, "lora_dropout": 0.0, "target_modules": adapters.LORA_MODULES,
        "full_rank_modules": adapters.FULL_RANK_MODULES, "base_model": "../t5-tiny", "trainable": list(gradients),
    })
    write_tensors(folder / "adapter.safetensors", pairs)
    write_tensors(folder / "batch.safetensors", batch)
    write_tensors(folder / "expected.safetensors", {name: outputs[name] for name in ("loss", "logits")})
    write_tensors(folder / "grads.safetensors", gradients)
    _verify(plain.double(), pairs, full_rank, batch, outputs, gradients, verification)


def _verify(plain, pairs, full_rank, batch, outputs, gradients, verification: Verification) -> None:
    """Without PEFT and in float64: the pairs are added to the layers."""
    exact = {name: pair.double().requires_grad_("loranew" in name) for name, pair in pairs.items()}
    adapters.attach(plain, exact, ALPHA_OVER_RANK)
    found = encoder_decoder_outputs(plain, batch)
    found["loss"].backward()
    verification.record("lora: loss, without PEFT, float64", relative_error(outputs["loss"], found["loss"]), 1e-6)
    verification.record("lora: logits, without PEFT, float64", relative_error(outputs["logits"], found["logits"]), 1e-5)
    weights = {f"{name}.weight": plain.get_submodule(name).weight for name in full_rank}
    for name, gradient in gradients.items():
        other = (weights[name] if name in weights else exact[name]).grad
        verification.record("lora: gradients, without PEFT, float64", relative_error(gradient, other), 1e-4)
