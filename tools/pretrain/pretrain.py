"""Pre-trains an embedded model on dictionary pairs, prompts with options, and a little running text.

    OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 python3 pretrain.py CORPUS_DIR TOKENIZER_DIR OUT.pt --minutes 75

Prints the share of held-out answers that are right, by kind of example, every two minutes. Minutes are CPU time, so a
leg learns as much on a busy machine, or when it is stopped for a while.
"""
import argparse
import collections
import math
import random
import time

import numpy as np
import sentencepiece as spm
import torch

from cooccurrence import cooccurrence_embedding
from families import FAMILIES, count_right, loss_of, new_model, saved_model
from tokenizer import EOS, fold

INSTRUCTIONS = [
    "What is the topic of the following paragraph? Choose one from the option.",
    "What kind of thing is this? Choose one from the option.",
    "Which word fits the following text? Choose one from the option.",
    "Choose one from the option.",
]
HEADS = [("TC", "kind"), ("TC", "topic"), ("TC", "word"), ("SC", "type"), ("WiC", "kind"), ("BoolQA", "pick")]
ROWS = {"open": 192, "choose": 64, "yes-no": 64, "span": 64, "line": 64}
# Shares of steps by kind of example, and of sources among open pairs and among prompts with options. The first leg
# learns words broadly; the second, resumed from it, learns to choose among options, which tasks ask for; the last also
# chooses for single words, as emoji are described by. A decoder-only model learns running text line by line, in place of
# spans.
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
    "decoder": {
        "steps": {"open": 0.34, "choose": 0.58, "yes-no": 0.0, "line": 0.08},
        "open": {"kind": 0.54, "kind-of-word": 0.14, "word": 0.06, "domain": 0.15, "emoji": 0.11},
        "choose": {"kind": 0.46, "kind-of-word": 0.10, "domain": 0.22, "emoji": 0.22},
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
    """Draws training examples as (source ids, target ids), marked as the family reads them."""

    def __init__(self, corpus, pieces, mixture, family):
        self.pieces, self.mixture, self.family = pieces, mixture, family
        self.pairs = {name: Pairs(corpus, name) for name in mixture["open"]}
        self.sentinel = pieces.piece_to_id("<extra_id_0>")
        with open(f"{corpus}/definitions.txt", encoding="utf8") as file:
            encoded = pieces.encode([fold(line) for line in file])
        self.texts = [ids[:48] for ids in encoded if len(ids) >= 8]

    def draw(self, kind, rnd):
        shares = self.mixture[kind]
        return rnd.choices(list(shares), list(shares.values()))[0]

    def source(self, text, longest=95):
        return self.family.source(self.pieces.encode(fold(text))[:longest])

    def target(self, text):
        return self.pieces.encode(fold(text)) + [EOS]

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
        return self.source(f"{name}: {self.text(name, text, rnd)}", 48), self.target(answer)

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
        return self.source(f"{head}Option: {', '.join(options)} {text} Answer:"), self.target(answer)

    def yes_no(self, rnd, held=False):
        pairs = self.pairs["kind"]
        text, answer = rnd.choice(pairs.held_choosable if held else pairs.choosable)
        asked = answer if rnd.random() < 0.5 else rnd.choices(pairs.labels, pairs.weights)[0]
        yes, no = rnd.choice([("yes", "no"), ("true", "false"), ("good", "bad")])
        options = [yes, no]
        rnd.shuffle(options)
        prompt = (f"Task:BoolQA Dataset:kind According to the following passage, is it {asked}? Choose one from the "
                  f"option. Option: {', '.join(options)} {text} Answer:")
        return self.source(prompt), self.target(yes if asked == answer else no)

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
        return self.family.source(source + ids[at:]), target + [EOS]

    def line(self, rnd):
        return self.family.source([]), rnd.choice(self.texts) + [EOS]


def held_out_accuracy(family, model, draw, count=300):
    rnd = random.Random(3)
    examples = [draw(rnd) for _ in range(count)]
    with torch.no_grad():
        return sum(count_right(family, model, examples[i:i + 100]) for i in range(0, count, 100)) / count


def first_embedding(options, pieces, width):
    """Rows of the embedding to start from, stored small: those of another model, else from co-occurrence."""
    if options.embedding:
        family, model = saved_model(torch.load(options.embedding))
        return model.get_parameter(family.embedding).data
    return torch.tensor(cooccurrence_embedding(options.corpus, pieces, width) * 0.05)


def optimizers_of(model, family, options):
    matrices = {name for name, tensor in model.named_parameters() if tensor.dim() == 2 and name != family.embedding}
    by_muon = matrices if options.muon else set()
    parts = [[tensor for name, tensor in model.named_parameters() if (name in by_muon) == muon] for muon in (False, True)]
    adam = torch.optim.AdamW(parts[0], lr=options.rate, betas=(0.9, 0.98), weight_decay=0.01)
    if not options.muon:
        return [adam]
    # Steps as large as Adam's, so that one rate serves both.
    return [adam, torch.optim.Muon(parts[1], lr=options.rate, weight_decay=0.01, adjust_lr_fn="match_rms_adamw")]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("corpus")
    parser.add_argument("tokenizer")
    parser.add_argument("out")
    parser.add_argument("--family", choices=list(FAMILIES), default="t5", help="family of a new model")
    parser.add_argument("--minutes", type=float, default=75)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mixture", choices=list(MIXTURES), default="broad")
    parser.add_argument("--muon", action="store_true", help="orthogonalised updates of matrices; PyTorch 2.9 or newer")
    parser.add_argument("--bfloat16", action="store_true", help="products in bfloat16, where the processor has them")
    parser.add_argument("--resume", help="checkpoint to resume from, with a fresh optimizer")
    parser.add_argument("--embedding", help="checkpoint of the same tokenizer whose embedding to start from")
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)  # two threads on shared cores stall each other
    rnd = random.Random(options.seed)
    pieces = spm.SentencePieceProcessor(model_file=f"{options.tokenizer}/spiece.model")
    mixture = MIXTURES[options.mixture]
    step = tokens = 0
    if options.resume:
        saved = torch.load(options.resume)
        family, model = saved_model(saved)
        step, tokens = saved["steps"], saved["tokens"]
    else:
        family = FAMILIES[options.family]
        model = new_model(family, pieces.get_piece_size())
        model.get_parameter(family.embedding).data = first_embedding(options, pieces, family.CONFIG[family.width])
    examples = Examples(options.corpus, pieces, mixture, family)
    optimizers = optimizers_of(model, family, options)
    draw = {"open": examples.open, "choose": examples.choose, "yes-no": examples.yes_no, "span": examples.span,
            "line": examples.line}
    queues = {name: [] for name in draw}

    def next_batch(name):
        if not queues[name]:
            pool = sorted((draw[name](rnd) for _ in range(POOL * ROWS[name])), key=lambda pair: len(pair[0]))
            queues[name] = [pool[i:i + ROWS[name]] for i in range(0, len(pool), ROWS[name])]
            rnd.shuffle(queues[name])
        return queues[name].pop()

    def report():
        right = lambda draw, count=200: f"{held_out_accuracy(family, model, draw, count):.3f}"
        parts = [f"choose {right(lambda r: examples.choose(r, True), 300)}"]
        parts += [f"choose/{name} {right(lambda r: examples.choose(r, True, name))}" for name in ("domain", "emoji")]
        parts += [f"open/{name} {right(lambda r: examples.open(r, True, name))}" for name in ("kind", "domain", "emoji")]
        parts.append(f"yes-no {right(lambda r: examples.yes_no(r, True))}")
        return " ".join(parts)

    def save(step, tokens):
        torch.save({"family": family.NAME, "state": model.state_dict(), "config": model.config, "steps": step,
                    "tokens": tokens, "minutes": options.minutes, "seed": options.seed}, options.out)

    started = last = time.process_time()
    first, average = step, None
    while (done := (time.process_time() - started) / (options.minutes * 60)) < 1:
        rate = options.rate * min(1, (step - first + 1) / 200) * (1 if done < 0.4 else max(0.02, (1 - done) / 0.6))
        for group in (group for optimizer in optimizers for group in optimizer.param_groups):
            group["lr"] = rate
        batch = next_batch(examples.draw("steps", rnd))
        with torch.autocast("cpu", torch.bfloat16, enabled=options.bfloat16):
            loss = loss_of(family, model, batch)
        model.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
        step, tokens = step + 1, tokens + sum(len(source) for source, _ in batch)
        average = loss.item() if average is None else 0.98 * average + 0.02 * loss.item()
        if time.process_time() - last > 120:
            last = time.process_time()
            print(f"{last - started:.0f}s step {step} tokens {tokens / 1e6:.2f}M loss {average:.3f} {report()}",
                  flush=True)
            save(step, tokens)
    save(step, tokens)
    print(f"end: {step} steps, {tokens} source tokens, {report()}", flush=True)


if __name__ == "__main__":
    main()
