"""Writes every reference number of the tests: `python tools/golden/generate.py [OUT] [--variant]` (see README.md)."""
import argparse
import os
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # nothing is fetched

import torch

from benchmark import write_benchmark, write_prompts
from buckets import write_buckets
from chat import write_chat, write_chat_masks
from continual import write_continual
from families import DECODERS, ENCODER_DECODERS
from files import write_json
from gates import write_gates
from general_text import write_general_text
from gguf_blocks import write_gguf_blocks
from gguf_models import write_gguf_models
from gradspace import write_gradspace
from lora import write_lora
from metrics import write_metrics
from models import write_family
from optimizer import write_optimizer
from stories import write_stories
from tokenizer_parts import write_tokenizer_parts
from verification import Verification
from vocabularies import write_tokenizers

# Gradients of these are stored whole as well as in random projections.
WHOLE = ("t5-tiny", "t5-v1_1-tiny", "llama-tiny")

# Other seeds and shapes, for trying the tests: `--variant`.
VARIANT = {
    "seed": 500,
    "families": {"rows": 4, "source": 23, "target": 8, "tries": 6},
    "lora": {"rank": 4, "earlier_rank": 3, "rows": 4, "source": 15, "target": 5},
    "optimizer": {"tall": (31, 13), "small": (6, 17), "square": 12, "rank": 4, "gap": 5, "steps": 13},
    "gradspace": {"shapes": ((13, 11), (7, 19))},
    "gates": {"D": 17, "width": 5, "prompts": 6},
    "continual": {
        "rows": 2, "source": 11, "target": 6,
        "changes": {
            "r": 2, "lora_alpha": 10, "scaling": 5.0, "galore_rank": 4, "micro_batches_per_task": 3, "num_train_epochs": 1,
            "optimizer_steps_per_task": 3, "gradient_accumulation_steps": 1, "galore_update_proj_gap": 2,
        },
    },
    "benchmark": {"train": 33, "dev": 5, "test": 9},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", nargs="?", type=Path, default=Path(__file__).parents[2] / "reference")
    parser.add_argument("--variant", action="store_true", help="other seeds and shapes, to try the tests with")
    arguments = parser.parse_args()
    out: Path = arguments.out
    variant = VARIANT if arguments.variant else {}
    seed: int = variant.get("seed", 1)
    torch.set_num_threads(1)  # sums are in one order, and other processes do not stall it
    golden, verification = out / "golden", Verification()

    seeds = {}
    for name, config in {**ENCODER_DECODERS, **DECODERS}.items():
        seeds[name] = write_family(
            golden / name, config, seed, verification, whole_gradients=name in WHOLE, **variant.get("families", {})
        )
        print(name)
    write_general_text(golden, {**ENCODER_DECODERS, **DECODERS})
    t5, t5_seed = ENCODER_DECODERS["t5-tiny"], seeds["t5-tiny"]
    write_lora(golden / "lora", t5, seed, t5_seed, verification, **variant.get("lora", {}))
    write_optimizer(golden / "optimizer", seed, verification, **variant.get("optimizer", {}))
    write_gradspace(golden / "gradspace", seed, verification, **variant.get("gradspace", {}))
    write_gates(golden / "gates", seed, verification, **variant.get("gates", {}))
    write_continual(golden / "continual", t5, seed, t5_seed, verification, **variant.get("continual", {}))
    print("optimizer, spaces, gates, continual run")
    write_buckets(golden / "t5_relative_buckets.json")
    write_metrics(golden / "metrics")
    write_prompts(golden / "prompts.json", seed)
    write_chat(golden / "chat.json")
    write_gguf_blocks(golden / "gguf_blocks.json", seed)
    write_gguf_models(golden / "gguf", seed)
    write_benchmark(out / "cl-benchmark", seed, **variant.get("benchmark", {}))
    write_tokenizers(out / "tokenizers")
    write_chat_masks(golden / "chat_masks.json", out / "tokenizers")
    write_tokenizer_parts(golden / "tokenizer_parts.json", seed)
    write_stories(out / "models" / "stories-tiny", seed, verification)
    write_json(golden / "verification.json", dict(sorted(verification.deviations.items())))
    print(f"{sum(path.stat().st_size for path in out.rglob('*') if path.is_file()):,} bytes in {out}")


if __name__ == "__main__":
    main()
