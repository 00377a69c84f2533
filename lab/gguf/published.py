"""Hashes and logits, by transformers, of GGUF files as they are published, for families.ts.

python lab/gguf/published.py OUT FILE.gguf...; needs tools/golden/requirements.txt.
"""
import hashlib
import json
import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM

PROMPT_LENGTH = 12
SEED = 36


def main(out: Path, files: list[Path]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for file in files:
        model = AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, dtype="float32")
        hashes = {name: hashlib.sha256(value.detach().numpy().astype("<f4").tobytes()).hexdigest() for name, value in model.named_parameters()}
        vocabulary = model.get_input_embeddings().num_embeddings
        prompt = torch.randint(vocabulary, (1, PROMPT_LENGTH), generator=torch.Generator().manual_seed(SEED))
        with torch.no_grad():
            logits = model(prompt).logits[0]  # [PROMPT_LENGTH, vocab_size]
        link = out / file.name
        link.unlink(missing_ok=True)
        link.symlink_to(file.resolve())
        link.with_suffix(".hashes").write_text(json.dumps(hashes))
        link.with_suffix(".json").write_text(json.dumps({"prompt": prompt[0].tolist(), "logits": logits.tolist()}))
        print(file.name, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]])
