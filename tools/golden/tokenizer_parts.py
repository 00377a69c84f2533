"""What each part of a tokenizer.json does to hostile texts and tokens, by the tokenizers library, SentencePiece and transformers."""
import base64
import json
import random
import tempfile
from pathlib import Path

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import ByT5Tokenizer, PreTrainedTokenizerFast

from files import write_json
from texts import texts
from vocabularies import LLAMA3, QWEN

# Regular expressions of published tokenizers: Mistral's, GPT-4o's and DeepSeek's.
_TEKKEN = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_GPT4O = _TEKKEN.replace(r"\p{M}]+|", r"\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|", 1).replace(r"\p{N}|", r"\p{N}{1,3}|")
_DEEPSEEK = (
    r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"
    r"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_BEHAVIORS = ["removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"]

# Replacements of a small charsmap, by code points: some begin others, or span characters that Unicode keeps together.
_RULES = """
41 → 61|41 30A → E5|41 30A 301 → 1FB|65 302 → EA|65 302 301 → 1EBF|62 62 → 78 79 7A|62 62 62 62 →|D → 20|D A → 20 20|
B2 → 32|200D → 20|1F469 → 1F468|4E2D 6587 → 6587|FB01 → 66 69|3A3 → 3C3|FDFA → 635 644 649 20 627 644 644 647|1100 1161 → AC00
"""
_SPECIAL = ["\x85", "\ufeff", "\u200b", "\u200c", "\u200d", "\u180e", "\u2028", "\u3000", "\r", "\n", "\t", "\x0c", "\x1c", "\x1f",
            "\u0301", "Σ", "ς", "İ", "ı", "ſ", "\u212a", "ß", "ﬁ", "½", "²", "٣", "Ⅳ", "👩🏿\u200d🚀", "▁", "▁▁", "'S", "'ſ", "n't",
            " .", " ,", "  ", "$&", "e\u0302\u0301", "\u1100\u1161", "ශ්\u200dරී", "㋿", "🯱", "中文", "_", "-", "!!", "A\u030a\u0301", "bbbb"]
_WORDS = ["the", "reads", "Hello", "WORLD", "naïve", "42", "1234567", "x86_64", "don't", "we'LL", "日本語", "ΟΔΟΣ", "snake_case"]


def _mixed(rng: random.Random, count: int) -> list[str]:
    def part() -> str:
        return rng.choice(_SPECIAL) if rng.random() < 0.6 else rng.choice(_WORDS) + rng.choice([" ", "", "  ", "\n"])

    return ["".join(part() for _ in range(rng.randint(2, 8))) for _ in range(count)]


def _part_of(tokenizer: Tokenizer, name: str) -> dict:
    return json.loads(tokenizer.to_str())[name]


def _json(part: object, name: str) -> dict:
    tokenizer = Tokenizer(models.BPE())
    setattr(tokenizer, name, part)
    return _part_of(tokenizer, name)


def _normalizers() -> list[normalizers.Normalizer]:
    plain = [normalizers.NFC(), normalizers.NFD(), normalizers.NFKC(), normalizers.NFKD(), normalizers.Lowercase()]
    return [
        *plain, normalizers.Nmt(), normalizers.ByteLevel(), normalizers.Strip(), normalizers.Strip(right=False),
        normalizers.Strip(left=False), normalizers.Replace(" ", "$&_"), normalizers.Replace(Regex(r"\s+"), "▁$1"),
        normalizers.Replace(Regex(r"(?i:[sk]t?|'d)"), "<$0>"),
        normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]),
    ]


def _pre_tokenizers() -> list[pre_tokenizers.PreTokenizer]:
    split, byte_level = pre_tokenizers.Split, pre_tokenizers.ByteLevel
    spaces = Regex(r"\s|\p{P}")
    return [
        *(split(Regex(regex), "isolated") for regex in (QWEN, LLAMA3, _TEKKEN, _GPT4O, _DEEPSEEK)),
        *(split(Regex(regex), "isolated") for regex in (r"\w+|\d", r"^.*$", r"\b", r"(?<=[a-z])(?=[A-Z])", r"a++b|[^a]{2,}+")),
        *(split(pattern, one, invert=invert) for pattern in (" ", spaces) for one in _BEHAVIORS for invert in (False, True)),
        byte_level(add_prefix_space=False), byte_level(add_prefix_space=True), byte_level(add_prefix_space=False, use_regex=False),
        pre_tokenizers.Sequence([pre_tokenizers.Digits(True), byte_level(add_prefix_space=True)]),
        pre_tokenizers.Digits(False), pre_tokenizers.Whitespace(), pre_tokenizers.WhitespaceSplit(),
        *(pre_tokenizers.Punctuation(one) for one in _BEHAVIORS),
        *(pre_tokenizers.Metaspace("▁", scheme, divides) for scheme in ("always", "first", "never") for divides in (True, False)),
        pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace("▁", "first")]),
    ]


def _decoders() -> list[decoders.Decoder]:
    chain = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    return [
        decoders.ByteLevel(), decoders.ByteFallback(), decoders.Sequence(chain), decoders.BPEDecoder("</w>"),
        *(decoders.Metaspace("▁", scheme) for scheme in ("always", "first", "never")),
        decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace("▁", "always")]), decoders.Replace("a", "$&"),
    ]


def _added_tokens(rng: random.Random, inputs: list[str]) -> list[dict]:
    """Whole tokenizers with added tokens of every kind."""
    flags = [
        AddedToken("the", single_word=True, normalized=False), AddedToken("reads", lstrip=True, normalized=True),
        AddedToken("<x>", rstrip=True, normalized=False), AddedToken("日本", special=True, normalized=False),
        AddedToken("<|end|>", lstrip=True, rstrip=True, special=True, normalized=False), AddedToken("日本語", normalized=False),
        AddedToken("É", normalized=True), AddedToken("  ", normalized=True), AddedToken("42", single_word=True, normalized=False),
    ]
    prefix = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    names = [token.content for token in flags] + ["é", "ÉÉ", "xthe", "the.", " <|end|>", "\u3000", "thereads"]
    letters = sorted(set("".join([*names, *inputs[-8:]])) | {"▁"})
    found = []
    for normalizer in (None, normalizers.Lowercase(), normalizers.NFKC(), prefix):
        for scheme in (None, "first", "always"):
            tokenizer = Tokenizer(models.BPE({"<unk>": 0, **{one: i + 1 for i, one in enumerate(letters)}}, [], unk_token="<unk>", fuse_unk=True))
            if normalizer is not None:
                tokenizer.normalizer = normalizer
            if scheme is not None:
                tokenizer.pre_tokenizer = pre_tokenizers.Metaspace("▁", scheme)
            tokenizer.decoder = decoders.Metaspace("▁", scheme or "always")
            tokenizer.add_tokens(flags)
            mixes = ["".join(rng.choice(names + inputs[-8:]) for _ in range(rng.randint(1, 6))) for _ in range(12)]
            found.append(_whole(tokenizer, {"eos_token": "<|end|>"}, mixes))
    return found


def _whole(tokenizer: Tokenizer, config: dict, inputs: list[str]) -> dict:
    """A tokenizer with the ids that transformers gives, and their texts."""
    with tempfile.TemporaryDirectory() as folder:
        write_json(Path(folder) / "tokenizer.json", json.loads(tokenizer.to_str()))
        write_json(Path(folder) / "tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast", **config})
        fast = PreTrainedTokenizerFast.from_pretrained(folder)
    ids = [fast(text, add_special_tokens=False)["input_ids"] for text in inputs]
    return {
        "tokenizer": json.loads(tokenizer.to_str()), "config": config, "texts": inputs, "ids": ids,
        "decoded": [fast.decode(one, skip_special_tokens=True) for one in ids],
        "whole": [fast.decode(one, skip_special_tokens=False, clean_up_tokenization_spaces=False) for one in ids],
    }


def _configured(inputs: list[str]) -> list[dict]:
    """What tokenizer_config.json changes: special tokens, and spaces."""
    def small(kind: str) -> Tokenizer:
        letters = sorted(set("".join(inputs)) | set(" .?!,'▁abcdefghijklmnopqrstuvwxyz<|>"))
        tokens = ["<unk>", "<|end|>", *letters, "the"]
        model = models.BPE({one: i for i, one in enumerate(tokens)}, [], unk_token="<unk>", fuse_unk=True) if kind == "BPE" else \
            models.Unigram([(one, -float(i % 7 + 1)) for i, one in enumerate(tokens)], 0, False)
        tokenizer = Tokenizer(model)
        tokenizer.decoder = decoders.Fuse()
        tokenizer.add_tokens([AddedToken("<|end|>", normalized=False)])
        return tokenizer

    end = {"eos_token": "<|end|>"}
    clean = "clean_up_tokenization_spaces"
    configs = [end, {**end, clean: True}, {**end, clean: False}, {**end, "additional_special_tokens": ["the"]}, {**end, "split_special_tokens": True}]
    spaced = ["do n't know .", "it 's a , b ? c ! d", "I 'm , we 've , they 're ' q ' end", " . .", "the end<|end|> . the 's"]
    return [_whole(small(kind), config, spaced) for kind in ("BPE", "Unigram") for config in configs]


def _ties(rng: random.Random) -> list[dict]:
    """Unigram models with ways of equal scores, which rounding decides."""
    found = []
    for _ in range(6):
        pieces = ["a", "b", "ab", "ba", "aa", "aba", "bab", "abab", "<0x61>", "é"]
        vocabulary = [("<unk>", 0.0), *((piece, -rng.choice([1, 2, 3]) * 0.1 * len(piece) - rng.random() * 1e-15) for piece in pieces)]
        tokenizer = Tokenizer(models.Unigram(vocabulary, 0, False))
        tokenizer.decoder = decoders.Fuse()
        inputs = ["".join(rng.choice(["a", "b", "ab", "c", "é", "日本"]) for _ in range(rng.randint(1, 40))) for _ in range(8)]
        found.append(_whole(Tokenizer.from_str(tokenizer.to_str()), {"eos_token": "<unk>"}, ["ab" * 30, "a" * 25, *inputs]))
    return found


def _charsmap(inputs: list[str]) -> dict:
    """A small SentencePiece model with its own charsmap: what both libraries make of texts, and its ids."""
    with tempfile.TemporaryDirectory() as folder:
        rules, corpus = Path(folder) / "rules.tsv", Path(folder) / "corpus.txt"
        lines = [rule.replace(" → ", "\t").replace(" →", "\t") for rule in _RULES.strip().replace("\n", "").split("|")]
        rules.write_text("\n".join(lines) + "\n")
        corpus.write_text("\n".join([text for text in inputs if "\0" not in text] * 5))
        sentencepiece.SentencePieceTrainer.train(
            input=str(corpus), model_prefix=f"{folder}/small", vocab_size=200, hard_vocab_limit=False, minloglevel=2,
            character_coverage=0.98, normalization_rule_tsv=str(rules), pad_id=0, eos_id=1, unk_id=2, bos_id=-1,
        )
        proto = sentencepiece_model_pb2.ModelProto.FromString(Path(f"{folder}/small.model").read_bytes())
    whole = sentencepiece.SentencePieceProcessor(model_proto=proto.SerializeToString())
    spec = proto.normalizer_spec
    spec.add_dummy_prefix = spec.remove_extra_whitespaces = False
    plain = sentencepiece.SentencePieceProcessor(model_proto=proto.SerializeToString())
    by_cluster = normalizers.Precompiled(spec.precompiled_charsmap)
    return {
        "precompiled_charsmap": base64.b64encode(spec.precompiled_charsmap).decode(),
        "tokenizers": [by_cluster.normalize_str(text) for text in inputs],
        "sentencepiece": [plain.normalize(text) for text in inputs],
        "pieces": [[one.piece, one.score] for one in proto.pieces],
        "ids": [whole.encode(text) for text in inputs],
    }


def _bytes(rng: random.Random, inputs: list[str]) -> dict:
    tokenizer = ByT5Tokenizer()
    spaced = [f"a{space}</s>{space}b<pad> <extra_id_0> c" for space in (" ", "\x1c", "\x85", "\ufeff", "\n\t")]
    texts_ = [*inputs[-30:], *spaced]
    faulty = [[rng.choice([242, 190, 194, 192, 191, 229, 133, 175, 100, 1]) for _ in range(6)] for _ in range(60)]
    return {
        "texts": texts_, "ids": [tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts_],
        "answers": faulty, "decoded": [tokenizer.decode(ids, skip_special_tokens=True) for ids in faulty],
    }


def write_tokenizer_parts(path: Path, seed: int) -> None:
    rng = random.Random(seed)
    inputs = [*(text for text in texts()[::6] if len(text) < 60), *_mixed(rng, 50)]
    tokens = [["Ġthe", "ĠÃ", "©", "É", "ÉŁ", "<|é|>"], ["▁▁the", "▁", "▁a", "b▁c"], ["▁", "x"], ["<0xE2>", "<0x82>", "<0xAC>", "a"],
              ["<0xEF>", "<0xBB>", "<0xBF>", "a", "<0xE2>", "▁<0x41>", "<0xFF>", "<0xe2>"], ["low", "er</w>", "a</w>"], ["a", " ", "aa"]]
    tokens += [[rng.choice(["▁the", "▁", "<0xC3>", "<0xA9>", "<0x20>", "Ġ", "Ã", "©", "a", " ", "é", "日"]) for _ in range(8)] for _ in range(20)]
    write_json(path, {
        "about": "Parts of a tokenizer.json with what they make of texts and tokens (tokenizers, SentencePiece, transformers).",
        "texts": inputs,
        "normalizers": [{"part": _json(one, "normalizer"), "texts": [one.normalize_str(text) for text in inputs]} for one in _normalizers()],
        "pre_tokenizers": [
            {"part": _json(one, "pre_tokenizer"), "pieces": [[piece for piece, _ in one.pre_tokenize_str(text)] for text in inputs]}
            for one in _pre_tokenizers()
        ],
        "tokens": tokens,
        "decoders": [{"part": _json(one, "decoder"), "texts": [one.decode(some) for some in tokens]} for one in _decoders()],
        "charsmap": _charsmap(inputs),
        "wholes": [*_added_tokens(rng, inputs), *_configured(inputs), *_ties(rng)],
        "bytes": _bytes(rng, inputs),
    }, compact=True)
