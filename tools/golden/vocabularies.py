"""Small tokenizers of every kind, trained on the project's own sentences, and the ids that they give."""
import json
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import ByT5Tokenizer

from benchmark import LABELS, sentences
from files import write_json
from texts import texts

QWEN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
LLAMA3 = QWEN.replace(r"|\p{N}| ", r"|\p{N}{1,3}| ")
_PIECES = 160  # in addition to letters and bytes


def _byte_level(split: str, specials: list[str], begin: str | None) -> Tokenizer:
    """As Qwen and LLaMA 3: words by a regular expression, bytes as letters, merges."""
    tokenizer = Tokenizer(models.BPE(ignore_merges=begin is not None))
    if begin is None:
        tokenizer.normalizer = normalizers.NFC()
    bytes_ = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(split), "isolated"), bytes_])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(_corpus(), _byte_trainer())
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in specials])
    if begin is not None:
        tokenizer.post_processor = _around(tokenizer, before=begin)
    return tokenizer


def _digit_level(specials: list[str]) -> Tokenizer:
    """As SmolLM2: GPT-2's words, each digit by itself, bytes as letters; nothing is put before a text."""
    tokenizer = Tokenizer(models.BPE())
    digits, bytes_ = pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([digits, bytes_])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    tokenizer.train_from_iterator(_corpus(), _byte_trainer())
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in specials])
    return tokenizer


def _byte_trainer() -> trainers.BpeTrainer:
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    return trainers.BpeTrainer(vocab_size=256 + _PIECES, initial_alphabet=alphabet, show_progress=False)


def byte_fallback(specials: list[str], begin: str, prepend: bool) -> Tokenizer:
    """As LLaMA 2 (`prepend`) and Gemma: ▁ for spaces, letters, merges, and bytes for everything else."""
    base = Tokenizer(models.BPE())
    replace = normalizers.Replace(" ", "▁")
    base.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), replace]) if prepend else replace
    base.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")  # for training only: no piece spans two words
    base.train_from_iterator(_corpus(), trainers.BpeTrainer(vocab_size=80 + _PIECES, show_progress=False))
    model = json.loads(base.to_str())["model"]
    pieces = [*specials, *(f"<0x{byte:02X}>" for byte in range(256)), *sorted(model["vocab"], key=model["vocab"].get)]
    if not prepend:
        pieces[len(specials) + 256 : len(specials) + 256] = ["▁▁", "▁▁▁", "\n\n"]
    merges = [("▁", "▁"), ("▁▁", "▁"), ("\n", "\n")] if not prepend else []
    merges += [tuple(merge) for merge in model["merges"]]
    vocab = {piece: index for index, piece in enumerate(dict.fromkeys(pieces))}
    merges = [merge for merge in merges if merge[0] in vocab and merge[1] in vocab]
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges, byte_fallback=True, fuse_unk=True, unk_token="<unk>"))
    tokenizer.normalizer = base.normalizer
    if not prepend:
        tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    chain = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    tokenizer.decoder = decoders.Sequence(chain + ([decoders.Strip(" ", 1, 0)] if prepend else []))
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in specials])
    tokenizer.post_processor = _around(tokenizer, before=begin)
    return tokenizer


def _unigram(specials: list[str]) -> Tokenizer:
    """As T5: whole words, pieces with scores. Text without a piece is one <unk>."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    metaspace = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), metaspace])
    tokenizer.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
    trainer = trainers.UnigramTrainer(
        vocab_size=2 * _PIECES, special_tokens=specials, unk_token="<unk>", show_progress=False
    )
    tokenizer.train_from_iterator(_corpus(), trainer)
    tokenizer.post_processor = _around(tokenizer, after="</s>")
    return tokenizer


def _unigram_bytes(specials: list[str]) -> Tokenizer:
    """As umT5: pieces with scores, and bytes for everything else."""
    state = json.loads(_unigram(specials).to_str())
    least = min(score for _, score in state["model"]["vocab"])
    state["model"]["vocab"] += [[f"<0x{byte:02X}>", least] for byte in range(256)]
    state["model"]["byte_fallback"] = True
    state["decoder"] = {"type": "Sequence", "decoders": [{"type": "ByteFallback"}, state["decoder"]]}
    return Tokenizer.from_str(json.dumps(state))


def _around(tokenizer: Tokenizer, before: str | None = None, after: str | None = None) -> processors.TemplateProcessing:
    parts = [*([before] if before else []), "$A", *([after] if after else [])]
    named = [(token, tokenizer.token_to_id(token)) for token in (before, after) if token]
    return processors.TemplateProcessing(single=" ".join(parts), special_tokens=named)


def _corpus() -> list[str]:
    labels = [label for labels in LABELS.values() for label in labels]
    return sentences(3, 400) + labels * 3 + ["naïve café über Straße déjà vu señor, façade."] * 2


def _kinds() -> dict[str, tuple[Tokenizer, dict]]:
    """Folder → tokenizer and tokenizer_config.json, as in the named models."""
    qwen = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    llama3 = ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
    t5 = {
        "tokenizer_class": "T5Tokenizer", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>",
        "clean_up_tokenization_spaces": False,
    }
    gemma = ["<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>"]
    return {
        "byte-level-qwen": (_byte_level(QWEN, qwen, None), {
            "tokenizer_class": "Qwen2Tokenizer", "bos_token": None, "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>",
            "unk_token": None, "clean_up_tokenization_spaces": False,
        }),
        # Its bos_token is for the chat template; prompts do not begin with it.
        "byte-level-smollm2": (_digit_level(qwen), {
            "tokenizer_class": "GPT2Tokenizer", "bos_token": "<|im_start|>", "eos_token": "<|im_end|>",
            "pad_token": "<|im_end|>", "unk_token": "<|endoftext|>", "clean_up_tokenization_spaces": False,
        }),
        "byte-level-llama3": (_byte_level(LLAMA3, llama3, llama3[0]), {
            "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": llama3[0], "eos_token": "<|eot_id|>",
            "clean_up_tokenization_spaces": False,
        }),
        "byte-fallback-llama2": (byte_fallback(["<unk>", "<s>", "</s>"], "<s>", True), {
            "tokenizer_class": "LlamaTokenizer", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<s>",
            "clean_up_tokenization_spaces": False,
        }),
        "byte-fallback-gemma": (byte_fallback(gemma, "<bos>", False), {
            "tokenizer_class": "GemmaTokenizer", "bos_token": "<bos>", "eos_token": "<eos>", "unk_token": "<unk>",
            "pad_token": "<pad>", "clean_up_tokenization_spaces": False,
        }),
        "unigram-t5": (_unigram(["<pad>", "</s>", "<unk>"]), t5),
        "unigram-umt5": (_unigram_bytes(["<pad>", "</s>", "<unk>"]), t5),
    }


def write_tokenizers(folder: Path) -> None:
    kinds = _kinds()
    for name, (tokenizer, config) in kinds.items():
        path = folder / name
        write_json(path / "tokenizer.json", json.loads(tokenizer.to_str()), compact=True)
        write_json(path / "tokenizer_config.json", config)
    # ByT5 has no tokenizer.json: its ids are bytes + 3, then 125 ids for masks.
    byt5 = ByT5Tokenizer()
    write_json(folder / "bytes-byt5" / "tokenizer_config.json", {
        "tokenizer_class": "ByT5Tokenizer", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>", "extra_ids": 125,
        "clean_up_tokenization_spaces": False,
    })

    def ids(text: str) -> dict[str, list[int]]:
        found = {name: tokenizer.encode(text).ids for name, (tokenizer, _) in kinds.items()}
        return {**found, "bytes-byt5": [*byt5(text, add_special_tokens=False)["input_ids"], byt5.eos_token_id]}

    labels = list(dict.fromkeys(label for one in LABELS.values() for label in one))
    # A label with a piece that the Unigram model lacks.
    labels.append("snow ☃ man")
    write_json(folder / "golden.json", {
        "about": "Ids by the tokenizers library (ByT5: transformers), with the special tokens that the model's class adds.",
        "items": [{"text": text, **ids(text)} for text in texts()],
        "labels": [{"text": text, **ids(text)} for text in labels],
    }, compact=True)
