"""Answers prompts with an exported decoder-only model by onnxruntime, token by token, always the likeliest.

python answer_onnx.py FOLDER LENGTH PROMPTS.json; prints the answers as JSON.
"""
import json
import sys

import numpy as np
import onnxruntime
from tokenizers import Tokenizer


def answer(session: onnxruntime.InferenceSession, ids: list[int], length: int, ends: set[int]) -> list[int]:
    wanted = {one.name: one for one in session.get_inputs()}
    outputs = [one.name for one in session.get_outputs()]
    # [1, heads, 0, head_dim]: nothing has been read yet.
    past = {
        name: np.zeros([1, one.shape[1], 0, one.shape[3]], np.float32)
        for name, one in wanted.items() if name.startswith("past_key_values.")
    }
    written, read, step = [], 0, ids
    for _ in range(length):
        feeds = {
            "input_ids": np.array([step], np.int64),
            "attention_mask": np.ones([1, read + len(step)], np.int64),
            "position_ids": np.arange(read, read + len(step), dtype=np.int64)[None],
        }
        found = dict(zip(outputs, session.run(outputs, {k: v for k, v in feeds.items() if k in wanted} | past)))
        past = {name: found[name.replace("past_key_values", "present")] for name in past}
        read += len(step)
        token = int(found["logits"][0, -1].argmax())
        if token in ends:
            break
        written.append(token)
        step = [token]
    return written


def main(folder: str, length: int, prompts: str) -> None:
    tokenizer = Tokenizer.from_file(f"{folder}/tokenizer.json")
    session = onnxruntime.InferenceSession(f"{folder}/onnx/model.onnx", providers=["CPUExecutionProvider"])
    with open(f"{folder}/generation_config.json") as file:
        end = json.load(file)["eos_token_id"]
    ends = set(end if isinstance(end, list) else [end])
    with open(prompts) as file:
        answers = [answer(session, tokenizer.encode(one).ids, length, ends) for one in json.load(file)]
    print(json.dumps([tokenizer.decode(ids, skip_special_tokens=True) for ids in answers]))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
