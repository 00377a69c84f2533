"""Numbers of tiny random models from Hugging Face transformers: logits, hidden states, loss, gradients, greedy ids."""
import copy
import json
import warnings
from pathlib import Path

import torch
import transformers

from families import TELLING
from files import projected, relative_error, write_json, write_tensors
from verification import Verification

NEW_TOKENS = 10
# Least distance of the best from the second-best logit in greedy generation: far above rounding.
LEAST_MARGIN = 0.01

Tensors = dict[str, torch.Tensor]


def open_model(config: dict, seed: int) -> torch.nn.Module:
    """A model of the family with random weights, far from the usual start so that every term of every layer matters."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parsed = transformers.AutoConfig.for_model(**copy.deepcopy(config))
        is_t5 = config.get("is_encoder_decoder", False)
        kind = transformers.AutoModelForSeq2SeqLM if is_t5 else transformers.AutoModelForCausalLM
        parsed._attn_implementation = "eager"
        model = kind.from_config(parsed, attn_implementation="eager")
    if not config["tie_word_embeddings"]:
        # transformers 5 ties the output layer of every new T5; published files of v1.1 have a separate one.
        model.lm_head.weight = torch.nn.Parameter(torch.empty_like(model.lm_head.weight))
    # Padding is masked. Where it is the token that begins a text, that token's row has a gradient like any other.
    model.get_input_embeddings().padding_idx = None
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in sorted(named_parameters(model).items()):
        with torch.no_grad():
            parameter.copy_(_random(name, parameter.shape, config, generator))
    return model.eval()


def named_parameters(model: torch.nn.Module) -> Tensors:
    """Every parameter once, by its name in published files."""
    return dict(model.named_parameters(remove_duplicate=True))


def _random(name: str, shape: torch.Size, config: dict, generator: torch.Generator) -> torch.Tensor:
    values = torch.randn(shape, generator=generator)
    if name.endswith("relative_attention_bias.weight"):
        return values
    if len(shape) == 1:
        if name.endswith(".bias"):
            return 0.5 * values
        centre = 0.0 if config["model_type"].startswith("gemma") else 1.0  # Gemma's norms multiply by 1 + w
        return centre + 0.25 * values
    if name.endswith("embed_tokens.weight") and config["model_type"].startswith("gemma"):
        return values / shape[1] ** 0.5  # the embeddings read are multiplied by √d
    if name in ("shared.weight", "model.embed_tokens.weight"):
        return values
    # T5 does not divide by √d in attention: its queries are smaller instead.
    shrink = config["d_kv"] ** -0.5 if name.endswith("Attention.q.weight") else 1.0
    return 1.4 * shrink * values / shape[1] ** 0.5


# Encoder–decoder models.


def encoder_decoder_batch(config: dict, seed: int, rows: int, source: int, target: int) -> Tensors:
    """Padded on the right; labels padded with −100; decoder input = labels shifted right, −100 → the padding id."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(3, config["vocab_size"], (rows, source), generator=generator)
    labels = torch.randint(3, config["vocab_size"], (rows, target), generator=generator)
    mask = torch.ones_like(ids)
    for row in range(rows):
        # The first row is full, the others are shorter by more and more.
        length, label = source - row * (source // (rows + 1)), target - row * (target // (rows + 1))
        ids[row, length - 1], labels[row, label - 1] = config["eos_token_id"], config["eos_token_id"]
        ids[row, length:], mask[row, length:], labels[row, label:] = config["pad_token_id"], 0, -100
    start = torch.full((rows, 1), config["decoder_start_token_id"])
    decoder = torch.cat([start, labels[:, :-1]], dim=1)
    decoder[decoder == -100] = config["pad_token_id"]
    return {"input_ids": ids, "attention_mask": mask, "labels": labels, "decoder_input_ids": decoder}


def encoder_decoder_outputs(model: torch.nn.Module, batch: Tensors) -> Tensors:
    out = model(
        input_ids=batch["input_ids"], attention_mask=batch["attention_mask"],
        decoder_input_ids=batch["decoder_input_ids"], output_hidden_states=True, use_cache=False,
    )
    logits = out.logits.flatten(0, 1)
    loss = torch.nn.functional.cross_entropy(logits, batch["labels"].flatten().long(), ignore_index=-100)
    hidden = {f"encoder_hidden.{i}": h for i, h in enumerate(out.encoder_hidden_states)}
    hidden |= {f"decoder_hidden.{i}": h for i, h in enumerate(out.decoder_hidden_states)}
    return {"loss": loss.reshape(1), "logits": out.logits, **hidden}


# Decoder-only models.


def decoder_batch(config: dict, seed: int, rows: int, length: int) -> Tensors:
    """A prompt and its label one after the other, padded on the left.

    The loss mask is 1 from the place that predicts the first token of the label to the last place, as in the released
    code.
    """
    generator = torch.Generator().manual_seed(seed)
    first = 1 + max(_end_ids(config) + [config["bos_token_id"], config["pad_token_id"]])
    ids = torch.randint(first, config["vocab_size"], (rows, length), generator=generator)
    mask, loss_mask = torch.ones_like(ids), torch.zeros(rows, length)
    for row in range(rows):
        padding, label = row * (length // (rows + 2)), 3 + row
        ids[row, :padding], mask[row, :padding] = config["pad_token_id"], 0
        ids[row, padding], ids[row, -1] = config["bos_token_id"], _end_ids(config)[0]
        loss_mask[row, length - label - 1 :] = 1
    positions = torch.arange(length).expand(rows, length)
    from_mask = (mask.cumsum(1) - 1).clamp(min=0)
    return {
        "input_ids": ids, "attention_mask": mask, "labels": ids.masked_fill(mask == 0, -100), "loss_mask": loss_mask,
        "position_ids_train": positions, "position_ids_from_mask": from_mask,
    }


def decoder_outputs(model: torch.nn.Module, batch: Tensors, positions: str = "position_ids_train") -> Tensors:
    out = model(
        input_ids=batch["input_ids"], attention_mask=batch["attention_mask"],
        position_ids=batch[positions].contiguous(), output_hidden_states=True, use_cache=False,
    )
    labels = batch["labels"][:, 1:].flatten().long()
    each = torch.nn.functional.cross_entropy(
        out.logits[:, :-1].flatten(0, 1), labels, ignore_index=-100, reduction="none"
    )
    weights = batch["loss_mask"].to(each.dtype)
    loss = (each * weights[:, :-1].flatten()).sum() / (weights.sum() + 1e-8)
    mask = batch["attention_mask"][..., None].to(out.logits.dtype)
    hidden = {f"hidden.{i}": h * mask for i, h in enumerate(out.hidden_states)}
    # Rows at padding are undefined: 0 here.
    return {"loss": loss.reshape(1), "logits": out.logits * mask, **hidden}


def _end_ids(config: dict) -> list[int]:
    ends = config["eos_token_id"]
    return ends if isinstance(ends, list) else [ends]


# Both.


def generation(model: torch.nn.Module, config: dict, prompts: Tensors) -> tuple[list[list[int]], float]:
    """Greedy ids of all rows, finished ones filled with the padding id, and the smallest margin before a row's end."""
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        out = model.generate(
            input_ids=prompts["input_ids"], attention_mask=prompts["attention_mask"], max_new_tokens=NEW_TOKENS,
            do_sample=False, num_beams=1, output_logits=True, return_dict_in_generate=True,
            pad_token_id=config["pad_token_id"], eos_token_id=config["eos_token_id"],
        )
    written = out.sequences[:, -len(out.logits) :]
    margin, ends = float("inf"), set(_end_ids(config))
    for row in range(written.shape[0]):
        for step, logits in enumerate(out.logits):
            best, second = logits[row].topk(2).values.tolist()
            margin = min(margin, best - second)
            if int(written[row, step]) in ends:
                break
    width = out.sequences.shape[1] - len(out.logits) + NEW_TOKENS
    rows = [row + [config["pad_token_id"]] * (width - len(row)) for row in out.sequences.tolist()]
    return rows, margin


def _worth(written: list[list[int]], ends: set[int]) -> int:
    """How informative greedy ids are: different tokens, and a row that ends early while another does not."""
    ended = [any(token in ends for token in row) for row in written]
    return sum(len(set(row)) for row in written) + (20 if any(ended) and not all(ended) else 0)


def write_family(
    folder: Path, config: dict, seed: int, verification: Verification, *,
    rows: int = 3, source: int = 19, target: int = 7, whole_gradients: bool = False, tries: int = 24,
) -> int:
    """Writes one family's folder. Of `tries` seeds it takes the one with the most informative ids.

    Returns that seed: open_model(config, seed) is the model that was written.
    """
    is_t5 = config.get("is_encoder_decoder", False)
    best: tuple[int, int] | None = None
    for candidate in range(seed, seed + tries):
        model = open_model(config, candidate)
        if is_t5:
            batch = encoder_decoder_batch(config, candidate, rows, source, target)
            prompts = batch
        else:
            batch = decoder_batch(config, candidate, rows, source - 2)
            prompts = decoder_batch(config, candidate + 10_000, rows, source - 5)
            prompts["input_ids"][:, -1] = _end_ids(config)[-1] + 3  # a prompt does not end with an end token
        ids, margin = generation(model, config, prompts)
        if margin < LEAST_MARGIN:
            continue
        worth = _worth([row[-NEW_TOKENS:] for row in ids], set(_end_ids(config)))
        if best is None or worth > best[0]:
            best = (worth, candidate)
            chosen = model, batch, prompts, ids, margin
    if best is None:
        raise AssertionError(f"{folder.name}: no seed has a margin of {LEAST_MARGIN}")
    model, batch, prompts, ids, margin = chosen
    outputs = encoder_decoder_outputs if is_t5 else decoder_outputs
    expected = outputs(model, batch)
    model.zero_grad()
    expected["loss"].backward()
    parameters = named_parameters(model)
    gradients = {name: parameter.grad for name, parameter in parameters.items()}

    write_json(folder / "config.json", config)
    # As transformers 5 saves the same configuration today.
    saved = json.loads(model.config.to_json_string(use_diff=False))
    saved["architectures"] = config["architectures"]
    write_json(folder / "config.transformers5.json", saved)
    write_tensors(folder / "model.safetensors", parameters)
    write_tensors(folder / "batch.safetensors", batch)
    write_tensors(folder / "expected.safetensors", expected)
    write_tensors(folder / "grads-projected.safetensors", {n: projected(g) for n, g in gradients.items()})
    if whole_gradients:
        write_tensors(folder / "grads.safetensors", gradients)
    fields = {"max_new_tokens": NEW_TOKENS, "num_beams": 1, "do_sample": False, "min_top1_margin": round(margin, 4)}
    if is_t5:
        fields["input"] = "batch.safetensors input_ids / attention_mask"
    else:
        fields |= {"pad_token_id": config["pad_token_id"], "eos_token_id": config["eos_token_id"]}
        fields |= {name: prompts[name].tolist() for name in ("input_ids", "attention_mask")}
    write_json(folder / "generate.json", {**fields, "output_ids": ids}, compact=True)
    _verify(folder.name, model, config, batch, prompts, expected, gradients, ids, verification)
    return best[1]


def _verify(
    name: str, model: torch.nn.Module, config: dict, batch: Tensors, prompts: Tensors, expected: Tensors,
    gradients: Tensors, ids: list[list[int]], verification: Verification,
) -> None:
    """The same in float64, decoders row by row without padding, and finite differences."""
    is_t5 = config.get("is_encoder_decoder", False)
    outputs = encoder_decoder_outputs if is_t5 else _unpadded_outputs
    double = copy.deepcopy(model).double()
    double.zero_grad()
    exact = outputs(double, batch)
    exact["loss"].backward()
    for key in expected:
        what = "loss" if key == "loss" else "logits and hidden states"
        verification.record(f"{name}: {what}, float64", relative_error(expected[key], exact[key]), 1e-5)
    parameters = named_parameters(double)
    for key, parameter in parameters.items():
        verification.record(f"{name}: gradients, float64", relative_error(gradients[key], parameter.grad), 1e-4)
    if not is_t5:
        other = decoder_outputs(model, batch, "position_ids_from_mask")
        verification.record(
            f"{name}: logits, places counted from the mask", relative_error(other["logits"], expected["logits"]), 1e-5
        )
        width = prompts["input_ids"].shape[1]
        for row, keep, wanted in zip(prompts["input_ids"], prompts["attention_mask"], ids):
            differs = _greedy_row(double, config, row[keep == 1].tolist()) != wanted[width:]
            verification.record(f"{name}: greedy rows that differ without padding and cache", differs, 0)
    for fields in TELLING.get(name, []):
        changed = open_model({**config, **fields}, 0)
        changed.load_state_dict(model.state_dict())
        logits = (encoder_decoder_outputs if is_t5 else decoder_outputs)(changed, batch)["logits"]
        if relative_error(logits, expected["logits"]) < 1e-2:
            raise AssertionError(f"{name}: {fields} makes no difference to the logits")
    # A step along a direction that is half random, half the gradient: the loss changes by its product with the gradient.
    generator, step, slope, directions = torch.Generator().manual_seed(1), 1e-4, 0.0, {}
    for key, parameter in parameters.items():
        gradient = parameter.grad
        random = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
        size = gradient.square().mean().sqrt()
        directions[key] = parameter.detach().abs().mean() * (random + (gradient / size if size > 0 else 0))
        slope += float((gradient * directions[key]).sum())
    losses = []
    for sign in (1, -1):
        with torch.no_grad():
            for key, parameter in parameters.items():
                parameter += sign * step * directions[key]
            losses.append(float(outputs(double, batch)["loss"]))
            for key, parameter in parameters.items():
                parameter -= sign * step * directions[key]
    difference = (losses[0] - losses[1]) / (2 * step)
    verification.record(f"{name}: finite differences of the loss", abs(difference / slope - 1), 1e-2)


def _unpadded_outputs(model: torch.nn.Module, batch: Tensors) -> Tensors:
    """As decoder_outputs, every row alone and without its padding."""
    rows = []
    for row in range(batch["input_ids"].shape[0]):
        kept = {key: value[row : row + 1, batch["attention_mask"][row] == 1] for key, value in batch.items()}
        rows.append(decoder_outputs(model, kept, "position_ids_from_mask"))
    total = batch["loss_mask"].double().sum() + 1e-8
    sums = [one["loss"] * (mask.double().sum() + 1e-8) for one, mask in zip(rows, batch["loss_mask"])]
    length = batch["input_ids"].shape[1]
    pad = lambda x: torch.nn.functional.pad(x, (0, 0, length - x.shape[1], 0))
    joined = {key: torch.cat([pad(one[key]) for one in rows]) for key in rows[0] if key != "loss"}
    return {"loss": sum(sums) / total, **joined}


def _greedy_row(model: torch.nn.Module, config: dict, ids: list[int]) -> list[int]:
    """Greedy ids of one prompt, without padding or cache."""
    written = []
    while len(written) < NEW_TOKENS:
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([ids]), use_cache=False).logits[0, -1]
        ids.append(int(logits.argmax()))
        written.append(ids[-1])
        if ids[-1] in _end_ids(config):
            break
    return written + [config["pad_token_id"]] * (NEW_TOKENS - len(written))
