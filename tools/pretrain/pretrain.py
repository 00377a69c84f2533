"""Pre-trains the embedded T5 on dictionary pairs, prompts with options, and a little span corruption.

    OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 python3 pretrain.py CORPUS_DIR TOKENIZER_DIR OUT.pt --minutes 75

Prints the share of held-out answers that are right, by kind of example, every two minutes.
"""
import argparse
import collections
import math
import random
import time

import numpy as np
import sentencepiece as spm
import torch
import torch.nn.functional as F

from cooccurrence import cooccurrence_embedding
from model import T5, shift_right
from tokenizer import EOS, PAD, fold

CONFIG = dict(d_model=128, d_kv=32, d_ff=512, num_heads=4, num_layers=3, relative_attention_num_buckets=32)
INSTRUCTIONS = [
    "What is the topic of the following paragraph? Choose one from the option.",
    "What kind of thing is this? Choose one from the option.",
    "Which word fits the following text? Choose one from the option.",
    "Choose one from the option.",
]
HEADS = [("TC", "kind"), ("TC", "topic"), ("TC", "word"), ("SC", "type"), ("WiC", "kind"), ("BoolQA", "pick")]
ROWS = {"open": 192, "choose": 64, "yes-no": 64, "span": 64}
# Shares of steps by kind of example, and of sources among open pairs and among prompts with options. The first leg
# learns words broadly; the second, resumed from it, learns to choose among options, which tasks ask for; the last also
# chooses for single words, as emoji are described by.
MIXTURES = {
    "broad": {
        "steps": {"open": 0.42, "choose": 0.38, "yes-no": 0.06, "span": 0.14},
        "open": {"kind": 0.58, "kind-of-word": 0.08, "word": 0.10, "domain": 0.14, "emoji": 0.10},
        "choose": {"kind": 0.62, "domain": 0.22, "emoji": 0.16},
    },
    "choices": {
        "steps": {"open": 0.36, "choose": 0.60, "yes-no": 0.0, "span": 0.04},
        "open": {"kind": 0.60, "kind-of-word": 0.10, "word": 0.05, "domain": 0.15, "emoji": 0.10},
        "choose": {"kind": 0.56, "domain": 0.24, "emoji": 0.20},
    },
    "words": {
        "steps": {"open": 0.30, "choose": 0.66, "yes-no": 0.0, "span": 0.04},
        "open": {"kind": 0.50, "kind-of-word": 0.20, "word": 0.05, "domain": 0.15, "emoji": 0.10},
        "choose": {"kind": 0.36, "kind-of-word": 0.18, "domain": 0.22, "emoji": 0.24},
    },
}
POOL = 4  # batches drawn at once and sorted by length, so that little is padding


class Pairs:
    """Text → answer pairs of one file; every 40th is held out."""

    def __init__(self, corpus, name):
        self.name = name
        with open(f"{corpus}/{name}.tsv", encoding="utf8") as file:
            rows = [line.rstrip("\n").split("\t") for line in file]
        self.held = rows[::40]
        self.rows = [row for i, row in enumerate(rows) if i % 40]
        counts = collections.Counter(answer for _, answer in rows)
        self.labels = [label for label, count in counts.items() if count >= 6]
        self.weights = [math.sqrt(counts[label]) for label in self.labels]
        common = set(self.labels)
        self.choosable = [row for row in self.rows if row[1] in common]
        self.held_choosable = [row for row in self.held if row[1] in common]


class Examples:
    """Draws training examples as (source ids, target ids)."""

    def __init__(self, corpus, pieces, mixture):
        self.pieces, self.mixture = pieces, mixture
        self.pairs = {name: Pairs(corpus, name) for name in mixture["open"]}
        self.sentinel = pieces.piece_to_id("<extra_id_0>")
        with open(f"{corpus}/definitions.txt", encoding="utf8") as file:
            encoded = pieces.encode([fold(line) for line in file])
        self.texts = [ids[:48] for ids in encoded if len(ids) >= 8]

    def draw(self, kind, rnd):
        shares = self.mixture[kind]
        return rnd.choices(list(shares), list(shares.values()))[0]

    def ids(self, text, longest=95):
        return self.pieces.encode(fold(text))[:longest] + [EOS]

    def text(self, name, text, rnd):
        if name != "emoji":
            return text
        label, _, tags = text.partition(": ")  # another choice of tags each time: 1,700 emoji go further
        words = tags.split()
        rnd.shuffle(words)
        return f"{label}: {' '.join(words[:rnd.randint(2, 10)])}"

    def open(self, rnd, held=False, name=None):
        name = name or self.draw("open", rnd)
        pairs = self.pairs[name]
        text, answer = rnd.choice(pairs.held if held else pairs.rows)
        return self.ids(f"{name}: {self.text(name, text, rnd)}", 48), self.ids(answer)

    def choose(self, rnd, held=False, name=None):
        name = name or self.draw("choose", rnd)
        pairs = self.pairs[name]
        text, answer = rnd.choice(pairs.held_choosable if held else pairs.choosable)
        options, count = {answer}, rnd.choice([2, 2, 3, 4, 5, 6, 7, 8])
        while len(options) < count:
            options.add(rnd.choices(pairs.labels, pairs.weights)[0] if rnd.random() < 0.7 else rnd.choice(pairs.labels))
        options = sorted(options)
        rnd.shuffle(options)
        head = ""
        if rnd.random() < 0.6:
            kind, dataset = rnd.choice(HEADS)
            head = f"Task:{kind} Dataset:{dataset} {rnd.choice(INSTRUCTIONS)} "
        text = " ".join(self.text(name, text, rnd).split()[:24])
        return self.ids(f"{head}Option: {', '.join(options)} {text} Answer:"), self.ids(answer)

    def yes_no(self, rnd, held=False):
        pairs = self.pairs["kind"]
        text, answer = rnd.choice(pairs.held_choosable if held else pairs.choosable)
        asked = answer if rnd.random() < 0.5 else rnd.choices(pairs.labels, pairs.weights)[0]
        yes, no = rnd.choice([("yes", "no"), ("true", "false"), ("good", "bad")])
        options = [yes, no]
        rnd.shuffle(options)
        prompt = (f"Task:BoolQA Dataset:kind According to the following passage, is it {asked}? Choose one from the "
                  f"option. Option: {', '.join(options)} {text} Answer:")
        return self.ids(prompt), self.ids(yes if asked == answer else no)

    def span(self, rnd):
        ids = rnd.choice(self.texts)
        starts = sorted(rnd.sample(range(len(ids)), max(1, round(len(ids) * 0.06))))
        source, target, at = [], [], 0
        for sentinel, start in enumerate(s for s in starts):
            if start < at:
                continue
            end = min(len(ids), start + rnd.choice([1, 2, 2, 3, 4]))
            source += ids[at:start] + [self.sentinel + sentinel]
            target += [self.sentinel + sentinel] + ids[start:end]
            at = end
        return source + ids[at:] + [EOS], target + [EOS]


def padded(sequences):
    width = max(map(len, sequences))
    return torch.tensor([ids + [PAD] * (width - len(ids)) for ids in sequences])


def loss_of(model, source, target):
    return F.cross_entropy(model(source, shift_right(target)).flatten(0, 1), target.flatten(), ignore_index=PAD)


def held_out_accuracy(model, draw, count=300):
    rnd, right = random.Random(3), 0
    examples = [draw(rnd) for _ in range(count)]
    with torch.no_grad():
        for i in range(0, count, 100):
            source, target = padded([s for s, _ in examples[i:i + 100]]), padded([t for _, t in examples[i:i + 100]])
            guess = model(source, shift_right(target)).argmax(-1)
            right += ((guess == target) | (target == PAD)).all(1).sum().item()
    return right / count


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("corpus")
    parser.add_argument("tokenizer")
    parser.add_argument("out")
    parser.add_argument("--minutes", type=float, default=75)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mixture", choices=list(MIXTURES), default="broad")
    parser.add_argument("--resume", help="checkpoint to resume from, with a fresh optimizer")
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)  # two threads on shared cores stall each other
    rnd = random.Random(options.seed)
    pieces = spm.SentencePieceProcessor(model_file=f"{options.tokenizer}/spiece.model")
    mixture = MIXTURES[options.mixture]
    examples = Examples(options.corpus, pieces, mixture)
    config = dict(CONFIG, vocab_size=pieces.get_piece_size())
    model = T5(config)
    step = tokens = 0
    if options.resume:
        saved = torch.load(options.resume)
        model.load_state_dict(saved["state"])
        step, tokens = saved["steps"], saved["tokens"]
    else:
        embedding = cooccurrence_embedding(options.corpus, pieces, config["d_model"])
        model.shared.weight.data = torch.tensor(embedding * 0.05)
    optimizer = torch.optim.AdamW(model.parameters(), lr=options.rate, betas=(0.9, 0.98), weight_decay=0.01)
    draw = {"open": examples.open, "choose": examples.choose, "yes-no": examples.yes_no, "span": examples.span}
    queues = {name: [] for name in draw}

    def next_batch(name):
        if not queues[name]:
            pool = sorted((draw[name](rnd) for _ in range(POOL * ROWS[name])), key=lambda pair: len(pair[0]))
            queues[name] = [pool[i:i + ROWS[name]] for i in range(0, len(pool), ROWS[name])]
            rnd.shuffle(queues[name])
        return queues[name].pop()

    def report():
        model.eval()
        parts = [f"choose {held_out_accuracy(model, lambda r: examples.choose(r, True)):.3f}"]
        parts += [f"choose/{name} {held_out_accuracy(model, lambda r: examples.choose(r, True, name), 200):.3f}"
                  for name in ("domain", "emoji")]
        parts += [f"open/{name} {held_out_accuracy(model, lambda r: examples.open(r, True, name), 200):.3f}"
                  for name in ("kind", "domain", "emoji")]
        parts.append(f"yes-no {held_out_accuracy(model, lambda r: examples.yes_no(r, True), 200):.3f}")
        model.train()
        return " ".join(parts)

    def save(step, tokens):
        torch.save({"state": model.state_dict(), "config": config, "steps": step, "tokens": tokens,
                    "minutes": options.minutes, "seed": options.seed}, options.out)

    started = last = time.time()
    first, average = step, None
    while (done := (time.time() - started) / (options.minutes * 60)) < 1:
        rate = options.rate * min(1, (step - first + 1) / 200) * (1 if done < 0.4 else max(0.02, (1 - done) / 0.6))
        for group in optimizer.param_groups:
            group["lr"] = rate
        batch = next_batch(examples.draw("steps", rnd))
        source, target = padded([s for s, _ in batch]), padded([t for _, t in batch])
        loss = loss_of(model, source, target)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        step, tokens = step + 1, tokens + source.numel()
        average = loss.item() if average is None else 0.98 * average + 0.02 * loss.item()
        if time.time() - last > 120:
            last = time.time()
            print(f"{last - started:.0f}s step {step} tokens {tokens / 1e6:.2f}M loss {average:.3f} {report()}",
                  flush=True)
            save(step, tokens)
    save(step, tokens)
    print(f"end: {step} steps, {tokens} source tokens, {report()}", flush=True)


if __name__ == "__main__":
    main()
