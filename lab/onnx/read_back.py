"""Reads saved rounds with real transformers, PEFT and Optimum, and compares the answers with this engine's.

    node tools/run.mjs lab/onnx/write-rounds.ts FOLDER    tiny models of every family, trained, and the engine's answers
    python3 lab/onnx/read_back.py FOLDER

For every model and method: the base model with the round's changes and its adapter in PEFT, and the merged weights in
transformers, answer 200 prompts; the programs that the page shows for PEFT and Optimum run unchanged. Prints a line for
each check, and exits with 1 when one fails. `pip install -r requirements.txt` first.
"""
import json
import re
import subprocess
import sys
from pathlib import Path

import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer

# f32 sums in another order.
TOLERANCE = 1e-4
BATCH = 50
# How tokenizers with byte fallback name the token of a byte.
BYTE = re.compile("<0x[0-9A-F]{2}>")

failures = 0


def report(what, passed, detail):
    global failures
    failures += not passed
    print(f"{'ok  ' if passed else 'FAIL'} {what}: {detail}", flush=True)


class Case:
    """A trained model, in the folder that write-rounds.ts wrote."""

    def __init__(self, folder):
        self.folder = folder
        self.facts = json.loads((folder / "facts.json").read_text())
        self.use = self.facts["use"]
        self.family = AutoModelForCausalLM if self.use["isDecoderOnly"] else AutoModelForSeq2SeqLM

    def open(self, name):
        return self.family.from_pretrained(self.folder / name, dtype=torch.float32).eval()

    def adapted(self):
        """The base model with everything that the round has trained, by PEFT."""
        round_folder = self.folder / "gorp-web-rounds" / self.use["folder"]
        model = self.open("base-model")
        if self.use["hasWeights"]:
            with torch.no_grad():
                for name, weights in load_file(round_folder / "full_rank_weights.safetensors").items():
                    model.get_parameter(name).copy_(weights)
        return PeftModel.from_pretrained(model, round_folder / "adapter").eval()

    def batches(self, tokenizer):
        tokenizer.padding_side = "left" if self.use["isDecoderOnly"] else "right"
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token
        prompts = self.facts["prompts"]
        for at in range(0, len(prompts), BATCH):
            part = prompts[at:at + BATCH]
            if self.use["promptForm"] == "chat":
                turns = [[{"role": "user", "content": prompt}] for prompt in part]
                yield tokenizer.apply_chat_template(turns, add_generation_prompt=True, padding=True,
                                                    return_tensors="pt", return_dict=True)
            else:
                yield tokenizer(part, return_tensors="pt", padding=True, return_token_type_ids=False)

    def answers(self, model, tokenizer):
        """As text_of reads them, and as the tokenizer decodes them."""
        texts = []
        for inputs in self.batches(tokenizer):
            ids = model.generate(**inputs, max_new_tokens=self.use["maxNewTokens"], do_sample=False)
            start = inputs["input_ids"].shape[1] if self.use["isDecoderOnly"] else 0
            texts += [(text_of(tokenizer, row), tokenizer.decode(row, skip_special_tokens=True))
                      for row in ids[:, start:].tolist()]
        return texts

    def logits(self, model, tokenizer):
        """Of the prompts' own tokens, or of the first token of the answer."""
        inputs = next(self.batches(tokenizer))
        if self.use["isDecoderOnly"]:
            mask = inputs["attention_mask"]
            positions = (mask.cumsum(-1) - 1).clamp(min=0)
            return model(**inputs, position_ids=positions).logits[mask.bool()]
        start = torch.full((len(inputs["input_ids"]), 1), model.config.decoder_start_token_id)
        return model(**inputs, decoder_input_ids=start).logits

    def check(self):
        name = self.folder.name
        wanted = self.facts["answers"]
        tokenizer = AutoTokenizer.from_pretrained(self.folder / "base-model")
        merged_tokenizer = AutoTokenizer.from_pretrained(self.folder / self.facts["merged"])
        adapted, merged = self.adapted(), self.open(self.facts["merged"])
        with torch.no_grad():
            found = {"PEFT": self.answers(adapted, tokenizer), "merged": self.answers(merged, merged_tokenizer)}
            error = relative_error(self.logits(merged, merged_tokenizer), self.logits(adapted, tokenizer))
            before = relative_error(self.logits(self.open("base-model"), tokenizer), self.logits(adapted, tokenizer))
        for what, texts in found.items():
            same = sum(text == answer for (text, _), answer in zip(texts, wanted, strict=True))
            report(f"{name}, {what}", same == len(wanted), f"{same} of {len(wanted)} answers equal")
        report(f"{name}, logits", error < TOLERANCE < before,
               f"merged against PEFT {error:.1e}; the base model against PEFT {before:.1e}")
        _, decoded = found["merged"][self.facts["prompts"].index(self.use["example"]["prompt"])]
        for program in self.facts["programs"]:
            if program["id"] in ("peft", "optimum"):
                self.run(program, decoded)

    def run(self, program, answer):
        """Runs the page's program, unchanged, where the page's archives are unpacked."""
        done = subprocess.run([sys.executable, "-c", program["code"]], cwd=self.folder, capture_output=True, text=True)
        detail = repr(done.stdout) if done.returncode == 0 else done.stderr.strip().splitlines()[-1]
        report(f"{self.folder.name}, program for {program['id']}", done.stdout == f"{answer}\n", detail)


def text_of(tokenizer, ids):
    """
    As the tokenizer decodes, except for runs of single-byte tokens that are not valid UTF-8, which random models write.
    These are decoded as in browsers and Python; tokenizers turns every byte of such a run into U+FFFD, valid ones too.
    """
    text = tokenizer.decode(ids, skip_special_tokens=True)
    # A model may have more rows than the tokenizer has tokens.
    tokens = [token for token in tokenizer.convert_ids_to_tokens(ids, skip_special_tokens=True) if token is not None]
    if "\ufffd" not in text or not any(BYTE.fullmatch(token) for token in tokens):
        return text
    whole = b"".join(bytes.fromhex(token[3:5]) if BYTE.fullmatch(token) else token.replace("\u2581", " ").encode()
                     for token in tokens).decode(errors="replace")
    return whole if text.startswith(" ") else whole.removeprefix(" ")


def relative_error(found, wanted):
    return ((found - wanted).norm() / wanted.norm()).item()


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    cases = sorted(path.parent for path in Path(sys.argv[1]).glob("*/facts.json"))
    report("models", len(cases) > 0, f"{len(cases)} found")
    for folder in cases:
        Case(folder).check()
    sys.exit(1 if failures else 0)


main()
