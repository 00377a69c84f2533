"""What two models say of the same texts: the loss of every token by transformers, and KL of one from the other by PyTorch."""
import warnings
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file

from files import write_json

# Every matrix of the second model is that of the first times this.
CHANGE = 1.125
# Tokens that the KL distinguishes, of the first model's likeliest; all others together are one more.
LIKELIEST = 64


def write_general_text(golden: Path, families: dict[str, dict]) -> None:
    """One file for all families, whose models and batches have been written."""
    written = {name: _family(golden / name, config) for name, config in families.items()}
    write_json(golden / "general_text.json", {"change": CHANGE, "families": written}, compact=True)


def _family(folder: Path, config: dict) -> list[dict]:
    base, changed = (_open(folder, config, factor) for factor in (1, CHANGE))
    batch = load_file(folder / "batch.safetensors")
    return [_text(base, changed, *pair) for pair in _pairs(batch, config)]


def _open(folder: Path, config: dict, factor: float) -> torch.nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parsed = transformers.AutoConfig.for_model(**config)
        kind = transformers.AutoModelForSeq2SeqLM if config.get("is_encoder_decoder") else transformers.AutoModelForCausalLM
        model = kind.from_config(parsed, attn_implementation="eager")
    if not config["tie_word_embeddings"]:
        model.lm_head.weight = torch.nn.Parameter(torch.empty_like(model.lm_head.weight))
    weights = load_file(folder / "model.safetensors")
    for name, parameter in model.named_parameters(remove_duplicate=True):
        values = weights[name]
        parameter.data = values * factor if values.dim() == 2 else values
    if config["tie_word_embeddings"]:
        model.tie_weights()
    return model.double().eval()


def _pairs(batch: dict[str, torch.Tensor], config: dict) -> list[tuple[list[int], list[int]]]:
    """What each row reads and what is asked of it: an answer, or of a decoder every token after the first."""
    rows = [ids[mask == 1].tolist() for ids, mask in zip(batch["input_ids"], batch["attention_mask"])]
    if config.get("is_encoder_decoder"):
        return [(row, labels[labels >= 0].tolist()) for row, labels in zip(rows, batch["labels"])]
    return [(row[:1], row[1:]) for row in rows]


def _text(base: torch.nn.Module, changed: torch.nn.Module, source: list[int], label: list[int]) -> dict:
    p, q = (_log_probabilities(model, source, label) for model in (base, changed))
    places = torch.arange(len(label)), torch.tensor(label)
    top, kept = p.topk(min(LIKELIEST, p.shape[1]))
    kl = (top.exp() * (top - q.gather(1, kept))).sum(1)
    if kept.shape[1] < p.shape[1]:
        rest, other = 1 - top.exp().sum(1), 1 - q.gather(1, kept).exp().sum(1)
        kl += rest * (rest.log() - other.log())
    whole = torch.nn.functional.kl_div(q, p, log_target=True, reduction="none").sum(1)
    numbers = {"before": -p[places], "after": -q[places], "divergence": kl, "whole": whole}
    return {"source": source, "label": label, **{name: [round(x, 7) for x in values.tolist()] for name, values in numbers.items()}}


def _log_probabilities(model: torch.nn.Module, source: list[int], label: list[int]) -> torch.Tensor:
    """Of every token at each place of the label, [len(label), vocabulary]."""
    with torch.no_grad():
        if model.config.is_encoder_decoder:
            logits = model(input_ids=torch.tensor([source]), labels=torch.tensor([label])).logits[0]
        else:
            logits = model(input_ids=torch.tensor([source + label])).logits[0, len(source) - 1 : -1]
    return logits.log_softmax(-1)
