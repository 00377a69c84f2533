"""Trains the embedded model's tokenizer and writes it as a Hugging Face tokenizer.json.

    python3 tokenizer.py CORPUS_DIR OUT_DIR [--pieces 4096]

A SentencePiece unigram model over text whose white space is folded first (as T5's WhitespaceSplit does), so that
SentencePiece and @huggingface/tokenizers agree. Needs Debian's python3-sentencepiece.
"""
import argparse
import glob
import json
import os

import sentencepiece as spm

SENTINELS = 32
PAD, EOS, UNK = 0, 1, 2
BOS = 3  # of the LLaMA, in place of T5's first sentinel
# The wording every prompt repeats: seen often, it costs few pieces.
PROMPT_WORDS = [
    "Task:TC Dataset:gloss What is the topic of the following paragraph? Choose one from the option.",
    "Task:SC Dataset:mood What is the sentiment of the following paragraph? Choose one from the option.",
    "Dataset:field Dataset:people Dataset:emoji Option: animal, plant, food, person, place, body, object, feeling Answer:",
    "Option: science, sport, war, law, music, computer Option: artist, leader, writer, scientist, musician Answer:",
    "Option: face, people, nature, food, travel, object, symbol Option: good, bad Answer:",
]


def fold(text):
    """White space folded to single spaces."""
    return " ".join(text.split())


def train(corpus, out, pieces):
    lines = []
    for path in sorted(glob.glob(f"{corpus}/*.txt")) + [f"{corpus}/emoji.tsv", f"{corpus}/domain.tsv"]:
        with open(path, encoding="utf8") as file:
            lines += [fold(line) for line in file]
    sample = os.path.join(out, "sample.txt")
    with open(sample, "w", encoding="utf8") as file:
        file.write("\n".join(lines + PROMPT_WORDS * 800))
    spm.SentencePieceTrainer.train(
        input=sample, model_prefix=os.path.join(out, "spiece"), vocab_size=pieces, model_type="unigram",
        character_coverage=0.9998, normalization_rule_name="identity", pad_id=PAD, eos_id=EOS, unk_id=UNK, bos_id=-1,
        user_defined_symbols=[f"<extra_id_{i}>" for i in range(SENTINELS)], input_sentence_size=150000,
        shuffle_input_sentence=True, num_threads=1, max_sentence_length=2000, minloglevel=2)
    os.remove(sample)


def write_json(out):
    model = spm.SentencePieceProcessor(model_file=os.path.join(out, "spiece.model"))
    vocab = [[model.id_to_piece(i), round(model.get_score(i), 6)] for i in range(model.get_piece_size())]
    special = ["<pad>", "</s>", "<unk>"]
    for i, name in enumerate(special):
        vocab[i][0] = name
    added = [i for i, (piece, _) in enumerate(vocab) if piece in special or piece.startswith("<extra_id_")]
    metaspace = {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "split": True}
    tokenizer = {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [{"id": i, "content": vocab[i][0], "single_word": False, "lstrip": False, "rstrip": False,
                          "normalized": False, "special": True} for i in added],
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, metaspace]},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}},
                     {"Sequence": {"id": "B", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}}],
            "special_tokens": {"</s>": {"id": "</s>", "ids": [EOS], "tokens": ["</s>"]}}},
        "decoder": metaspace,
        "model": {"type": "Unigram", "unk_id": UNK, "vocab": vocab, "byte_fallback": False},
    }
    with open(os.path.join(out, "tokenizer.json"), "w", encoding="utf8") as file:
        json.dump(tokenizer, file, ensure_ascii=False, separators=(",", ":"))
    with open(os.path.join(out, "tokenizer_config.json"), "w", encoding="utf8") as file:
        json.dump({"tokenizer_class": "T5TokenizerFast", "pad_token": "<pad>", "eos_token": "</s>",
                   "unk_token": "<unk>", "extra_ids": SENTINELS, "model_max_length": 512}, file, indent=1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("corpus")
    parser.add_argument("out")
    parser.add_argument("--pieces", type=int, default=4096)
    arguments = parser.parse_args()
    os.makedirs(arguments.out, exist_ok=True)
    train(arguments.corpus, arguments.out, arguments.pieces)
    write_json(arguments.out)
