"""A LLaMA that has learned something: a tokenizer and a small model trained for a minute on made-up sentences."""
import json
from pathlib import Path

import torch

from benchmark import sentences
from files import write_json, write_tensors
from models import named_parameters, open_model
from verification import Verification
from vocabularies import byte_fallback

CONFIG = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "attention_bias": False, "attention_dropout": 0.0,
    "bos_token_id": 1, "eos_token_id": 2, "head_dim": 8, "hidden_act": "silu", "hidden_size": 40, "initializer_range": 0.02,
    "intermediate_size": 72, "max_position_embeddings": 256, "mlp_bias": False, "num_attention_heads": 5,
    "num_hidden_layers": 3, "num_key_value_heads": 1, "rms_norm_eps": 1e-5, "rope_scaling": None, "rope_theta": 10000.0,
    "tie_word_embeddings": True, "use_cache": True,
}
PROMPTS = ["", "The kettle", "Title: Sports of the", "sentence 1: The ferry on", "Well worth the trouble:", "passage: The clock"]
NEW_TOKENS = 40
LEAST_MARGIN = 0.01


def write_stories(folder: Path, seed: int, verification: Verification, *, steps: int = 400) -> None:
    tokenizer = byte_fallback(["<unk>", "<s>", "</s>"], "<s>", True)
    config = {**CONFIG, "vocab_size": tokenizer.get_vocab_size()}
    model = _trained(config, tokenizer, seed, steps)
    write_json(folder / "config.json", config)
    write_tensors(folder / "model.safetensors", named_parameters(model))
    write_json(folder / "tokenizer.json", json.loads(tokenizer.to_str()), compact=True)
    write_json(folder / "tokenizer_config.json", {
        "tokenizer_class": "LlamaTokenizer", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>",
        "clean_up_tokenization_spaces": False,
    })
    greedy = [one for one in (_greedy(model, tokenizer, prompt) for prompt in PROMPTS) if one["margin"] > LEAST_MARGIN]
    if len(greedy) < 3:
        raise AssertionError("stories: too few prompts avoid ties")
    scores = [_score(model, tokenizer, text) for text in sentences(99, 3)]
    exact = [_score(model.double(), tokenizer, one["text"]) for one in scores]
    for found, wanted in zip(scores, exact):
        deviation = abs(found["mean_nll"] / wanted["mean_nll"] - 1)
        verification.record("stories: losses, float64", deviation, 1e-5)
    write_json(folder / "golden.json", {
        "about": "Greedy continuations and losses. mean_nll: mean of −log p of ids[1..]; grad_frobenius: norm of its gradient.",
        "greedy": greedy, "scores": scores,
    }, compact=True)


def _trained(config: dict, tokenizer, seed: int, steps: int) -> torch.nn.Module:
    model = open_model(config, seed).train()
    with torch.no_grad():
        model.model.embed_tokens.weight.mul_(0.2)
    generator = torch.Generator().manual_seed(seed)
    lines = [tokenizer.encode(text.strip()).ids + [2] for text in sentences(seed, 3000)]
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=6e-3, total_steps=steps)
    for _ in range(steps):
        picked = [lines[i][:96] for i in torch.randint(len(lines), (16,), generator=generator)]
        width = max(map(len, picked))
        ids = torch.tensor([line + [2] * (width - len(line)) for line in picked])
        labels = torch.tensor([line + [-100] * (width - len(line)) for line in picked])
        logits = model(input_ids=ids, use_cache=False).logits
        loss = torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), ignore_index=-100)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return model.eval()


def _greedy(model: torch.nn.Module, tokenizer, prompt: str) -> dict:
    prompt_ids, margin = tokenizer.encode(prompt).ids, float("inf")
    ids = list(prompt_ids)
    while len(ids) < len(prompt_ids) + NEW_TOKENS:
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([ids]), use_cache=False).logits[0, -1]
        best, second = logits.topk(2).values.tolist()
        margin = min(margin, best - second)
        ids.append(int(logits.argmax()))
        if ids[-1] == 2:
            break
    new_ids = ids[len(prompt_ids) :]
    return {
        "prompt": prompt, "prompt_ids": prompt_ids, "new_ids": new_ids, "text": tokenizer.decode(new_ids),
        "margin": round(margin, 5),
    }


def _score(model: torch.nn.Module, tokenizer, text: str) -> dict:
    ids = torch.tensor([tokenizer.encode(text).ids])
    logits = model(input_ids=ids, use_cache=False).logits
    loss = torch.nn.functional.cross_entropy(logits[0, :-1], ids[0, 1:])
    model.zero_grad()
    loss.backward()
    names = ["model.embed_tokens.weight", "model.layers.0.self_attn.k_proj.weight", "model.layers.2.mlp.down_proj.weight"]
    norms = {name: round(float(model.get_parameter(name).grad.norm()), 6) for name in names}
    return {"text": text, "ids": ids[0].tolist(), "mean_nll": round(float(loss), 6), "grad_frobenius": norms}
