"""PyTorch with transformers and PEFT as a contender of `npm run bench:real`: torch_speed.py MODEL THREADS.

Answers each line of JSON on stdin with one on stdout: see contender.ts.
"""

import json
import sys

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

torch.set_num_threads(int(sys.argv[2]))
model = AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=torch.float32)
model = get_peft_model(model, LoraConfig(r=8, lora_alpha=32, target_modules=["q_proj", "v_proj"]))
optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], 1e-3)
print("{}", flush=True)


def random_ids(rows: int, tokens: int) -> torch.Tensor:
    return torch.randint(3, 30_000, (rows, tokens))


def step(rows: int, tokens: int) -> None:
    """A training step whose loss is that of the last four tokens."""
    ids = random_ids(rows, tokens)
    labels = ids.clone()
    labels[:, :-4] = -100
    model.train()
    optimizer.zero_grad()
    model(input_ids=ids, labels=labels).loss.backward()
    optimizer.step()


@torch.no_grad()
def read(rows: int, tokens: int) -> None:
    model.eval()
    model(input_ids=random_ids(rows, tokens), logits_to_keep=1)


@torch.no_grad()
def write(rows: int, prompt: int, tokens: int) -> None:
    model.eval()
    ids = random_ids(rows, prompt)
    model.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        do_sample=False,
        min_new_tokens=tokens,
        max_new_tokens=tokens,
        pad_token_id=0,
    )


for line in sys.stdin:
    job = json.loads(line)
    {"step": step, "read": read, "write": write}[job.pop("do")](**job)
    print("{}", flush=True)
