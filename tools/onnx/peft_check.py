"""Checks what a round leaves for Python: real PEFT on the base model writes what the merged model writes.

    python3 peft_check.py BASE ADAPTER MERGED    BASE: the model's folder; ADAPTER: `adapter` of a round of a method
                                                 that trains adapters alone (`seq-lora`, `inc-lora`);
                                                 MERGED: what `gorp-web merge` wrote of the round

Prints a line for each check, and ends with 1 when one fails. `pip install -r requirements.txt` first.
"""
import sys

import torch
from peft import PeftModel
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer

SENTENCES = [f"a {kind} {noun} {end}" for kind in ("tall", "large", "small", "sweet", "white", "wild", "common", "old")
             for noun in ("tree", "shrub", "cat", "bird", "cake", "river", "engine")
             for end in ("of Asia", "with red spots", "from Wales", "seen at night")]
PROMPT = "Task:TC\nDataset:gloss\nWhat is the topic of the following paragraph? Choose one from the option.\n" \
         "Option: plant, animal, food, place \n{}\nAnswer:"
TOLERANCE = 1e-4


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    base_folder, adapter, merged_folder = sys.argv[1:]
    is_seq2seq = AutoConfig.from_pretrained(base_folder).is_encoder_decoder
    family = AutoModelForSeq2SeqLM if is_seq2seq else AutoModelForCausalLM
    tokenizer = AutoTokenizer.from_pretrained(base_folder)
    tokenizer.padding_side = "right" if is_seq2seq else "left"
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    inputs = tokenizer([PROMPT.format(sentence) for sentence in SENTENCES], return_tensors="pt", padding=True,
                       return_token_type_ids=False)
    base = family.from_pretrained(base_folder, dtype=torch.float32).eval()
    with torch.no_grad():
        before = base.generate(**inputs, max_new_tokens=6, do_sample=False)
    adapted = PeftModel.from_pretrained(base, adapter).eval()
    merged = family.from_pretrained(merged_folder, dtype=torch.float32).eval()
    more = {"decoder_input_ids": before[:, :2]} if is_seq2seq else {}
    with torch.no_grad():
        ours, theirs = (model(**inputs, **more).logits for model in (merged, adapted))
        answers = [tokenizer.batch_decode(model.generate(**inputs, max_new_tokens=6, do_sample=False),
                                          skip_special_tokens=True) for model in (merged, adapted)]
    error = ((ours - theirs).norm() / theirs.norm()).item()
    same = sum(a == b for a, b in zip(*answers))
    changed = sum(a != b for a, b in zip(answers[0], tokenizer.batch_decode(before, skip_special_tokens=True)))
    checks = [(f"logits of the merged model against PEFT's: relative error {error:.2e}", error < TOLERANCE),
              (f"{same} of {len(SENTENCES)} answers equal", same == len(SENTENCES)),
              (f"{changed} of {len(SENTENCES)} answers are other ones than before training", changed > 0)]
    for line, passed in checks:
        print("ok  " if passed else "FAIL", line)
    sys.exit(0 if all(passed for _, passed in checks) else 1)


main()
