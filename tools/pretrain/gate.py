"""Rates a checkpoint: LoRA learns each embedded task alone, compared with naive Bayes and LoRA on random weights.

    python3 gate.py MODEL.pt TOKENIZER_DIR TASKS_DIR [--rate 3e-3 --batch 8 --seeds 3 --random --order]

TASKS_DIR is what `npm run embedded` writes (public/embedded/tasks). Rank 8, alpha 32, self-attention q and v, two
passes over at most 1,000 examples. Only the first piece of a free greedy answer counts, since it differs between all
labels. With --order the tasks are learned one after another by the same pair (seq-lora), for forgetting.
"""
import argparse
import collections
import json
import math
import os
import random
import re

import sentencepiece as spm
import torch
import torch.nn as nn
import torch.nn.functional as F

from families import loss_of, new_model, saved_model
from tokenizer import EOS, fold

RANK, ALPHA, PASSES, EXAMPLES, SOURCE = 8, 32, 2, 1000, 96
ORDER = ["gloss", "field", "people", "emoji", "mood"]


class Task:
    def __init__(self, tasks, name, pieces, family):
        kind = next(k for k in os.listdir(f"{tasks}/CL_Benchmark") if os.path.isdir(f"{tasks}/CL_Benchmark/{k}/{name}"))
        read = lambda path: json.load(open(f"{tasks}/{path}", encoding="utf8"))
        folder = f"CL_Benchmark/{kind}/{name}"
        instruction = read("configs/instruction_config.json")[kind][0]["instruction"]
        self.name, self.labels = name, read(f"{folder}/labels.json")
        self.train, self.test = ([(row["sentence"], row["label"]) for row in read(f"{folder}/{split}.json")]
                                 for split in ("train", "test"))
        before = f"Task:{kind}\nDataset:{name}\n{instruction}Option: {', '.join(self.labels)} \n"
        encode = lambda text: family.source(pieces.encode(fold(before + text + "\nAnswer:")))

        def ids(text):
            words = text.split()
            while len(encode(" ".join(words))) > SOURCE:
                words.pop()
            return encode(" ".join(words))

        encoded = lambda rows: [(ids(text), pieces.encode(label) + [EOS]) for text, label in rows]
        self.encoded, self.encoded_test = encoded(self.train), encoded(self.test)


def naive_bayes(task):
    """Multinomial naive Bayes over words, add-one smoothing."""
    words = lambda text: re.findall(r"[a-z]+", text.lower())
    counts = {label: collections.Counter() for label in task.labels}
    prior = collections.Counter(label for _, label in task.train)
    for text, label in task.train:
        counts[label].update(words(text))
    vocabulary = len(set().union(*counts.values()))
    totals = {label: sum(counter.values()) + vocabulary for label, counter in counts.items()}
    score = lambda text, label: math.log(prior[label]) + sum(
        math.log((counts[label][word] + 1) / totals[label]) for word in words(text))
    return sum(max(task.labels, key=lambda label: score(text, label)) == right
               for text, right in task.test) / len(task.test)


class Adapted(nn.Module):
    """A frozen linear layer with a LoRA pair: docs/method.md, eq. (1)."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer
        self.A = nn.Parameter(torch.empty(RANK, layer.in_features))
        self.B = nn.Parameter(torch.zeros(layer.out_features, RANK))
        nn.init.kaiming_uniform_(self.A, a=math.sqrt(5))

    def forward(self, x):
        return self.layer(x) + ALPHA / RANK * F.linear(F.linear(x, self.A), self.B)


def adapted(family, checkpoint, seed, from_random):
    torch.manual_seed(seed)
    model = new_model(family, checkpoint["config"]["vocab_size"]) if from_random else saved_model(checkpoint)[1]
    model.requires_grad_(False)
    for module, name in family.adapted(model):
        setattr(module, name, Adapted(getattr(module, name)))
    return model


def train(family, model, task, seed, rate, batch):
    rnd = random.Random(seed)
    rows = rnd.sample(task.encoded, min(EXAMPLES, len(task.encoded)))
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=rate, eps=1e-6, weight_decay=0)
    for _ in range(PASSES):
        rnd.shuffle(rows)
        for i in range(0, len(rows), batch):
            loss = loss_of(family, model, rows[i:i + batch])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_([p for p in model.parameters() if p.requires_grad], 1.0)
            optimizer.step()


def accuracy(family, model, task):
    right = 0
    with torch.no_grad():
        for i in range(0, len(task.encoded_test), 64):
            rows = task.encoded_test[i:i + 64]
            guess = family.first_pieces(model, [source for source, _ in rows])
            right += (guess == torch.tensor([target[0] for _, target in rows])).sum().item()
    return right / len(task.encoded_test)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("tokenizer")
    parser.add_argument("tasks")
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="*", default=ORDER)
    parser.add_argument("--random", action="store_true", help="from random weights: the control")
    parser.add_argument("--order", action="store_true", help="one pair for all tasks in turn")
    options = parser.parse_args()
    torch.set_num_threads(1)
    pieces = spm.SentencePieceProcessor(model_file=f"{options.tokenizer}/spiece.model")
    checkpoint = torch.load(options.model)
    family, _ = saved_model(checkpoint)
    tasks = [Task(options.tasks, name, pieces, family) for name in options.only]
    for seed in range(1, options.seeds + 1):
        row, model = [], None
        for task in tasks:
            if model is None or not options.order:
                model = adapted(family, checkpoint, seed, options.random)
            train(family, model, task, seed, options.rate, options.batch)
            row.append(accuracy(family, model, task))
        print(f"seed {seed}: " + " ".join(f"{t.name} {a:.3f}" for t, a in zip(tasks, row)), flush=True)
        if options.order:
            print("  at the end: " + " ".join(f"{t.name} {accuracy(family, model, t):.3f}" for t in tasks), flush=True)
    print("naive Bayes: " + " ".join(f"{task.name} {naive_bayes(task):.3f}" for task in tasks))


if __name__ == "__main__":
    main()
