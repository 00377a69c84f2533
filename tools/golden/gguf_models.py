"""Tiny models of every architecture as GGUF files by the package gguf, and their logits by transformers."""
from collections.abc import Callable
from pathlib import Path

import gguf
import numpy as np
import torch

from files import write_json
from models import open_model

ARCHITECTURES = {
    "llama": gguf.MODEL_ARCH.LLAMA, "qwen2": gguf.MODEL_ARCH.QWEN2, "qwen3": gguf.MODEL_ARCH.QWEN3,
    "smollm3": gguf.MODEL_ARCH.SMOLLM3, "gemma3_text": gguf.MODEL_ARCH.GEMMA3,
    "t5": gguf.MODEL_ARCH.T5, "umt5": gguf.MODEL_ARCH.T5,
}

_COMMON = {"max_position_embeddings": 128, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0, "vocab_size": 40}
_DECODER = {
    **_COMMON, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "rms_norm_eps": 1e-5, "rope_theta": 500.0, "tie_word_embeddings": False,
}
_T5 = {
    **_COMMON, "d_model": 32, "d_kv": 16, "num_heads": 2, "d_ff": 64, "num_layers": 2, "num_decoder_layers": 2,
    "eos_token_id": 1, "is_encoder_decoder": True, "decoder_start_token_id": 0, "layer_norm_epsilon": 1e-6,
    "dropout_rate": 0.0, "relative_attention_num_buckets": 32, "relative_attention_max_distance": 128,
}

# What llama.cpp has built in cannot be chosen: SmolLM3's fourth layers without positions, Gemma 3's sixth layers
# without a window, its second rotary base, its scale of attention. `types` are those of matrices, in turn.
MODELS: dict[str, dict] = {
    "llama": {
        "config": {**_DECODER, "model_type": "llama", "eos_token_id": [2, 5]}, "types": ["Q8_0", "Q4_1", "F16", "Q4_0"],
    },
    "llama-3": {
        "config": {
            **_DECODER, "model_type": "llama", "tie_word_embeddings": True, "rope_theta": 500000.0, "head_dim": 16,
            "rope_scaling": {
                "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                "original_max_position_embeddings": 8192,
            },
        },
        "types": ["BF16", "Q5_1"],
    },
    "llama-factors": {
        "config": {
            **_DECODER, "model_type": "llama",
            "rope_scaling": {
                "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                "original_max_position_embeddings": 32,
            },
        },
        "types": ["Q5_0"],
    },
    "llama-linear": {
        "config": {**_DECODER, "model_type": "llama", "rope_scaling": {"rope_type": "linear", "factor": 4.0}},
        "types": ["F32"],
    },
    "qwen2": {"config": {**_DECODER, "model_type": "qwen2", "tie_word_embeddings": True}, "types": ["Q8_0", "Q5_0"]},
    "qwen3": {"config": {**_DECODER, "model_type": "qwen3", "head_dim": 16, "attention_bias": False}, "types": ["Q8_0"]},
    "smollm3": {
        "config": {
            **_DECODER, "model_type": "smollm3", "num_hidden_layers": 5, "tie_word_embeddings": True,
            "no_rope_layers": [1, 1, 1, 0, 1],
        },
        "types": ["Q8_0"],
    },
    "gemma3": {
        "config": {
            **_DECODER, "model_type": "gemma3_text", "num_hidden_layers": 7, "head_dim": 16, "tie_word_embeddings": True,
            "query_pre_attn_scalar": 16, "sliding_window": 4, "rope_local_base_freq": 10000.0, "rope_theta": 1000.0,
            "layer_types": ["full_attention" if i == 5 else "sliding_attention" for i in range(7)],
            "rope_scaling": None, "bos_token_id": 1, "hidden_activation": "gelu_pytorch_tanh",
        },
        "types": ["Q8_0", "Q4_1"],
    },
    "t5": {"config": {**_T5, "model_type": "t5", "feed_forward_proj": "relu", "tie_word_embeddings": True}, "types": ["F16"]},
    "t5-gated": {
        "config": {**_T5, "model_type": "t5", "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False},
        "types": ["Q8_0"],
    },
    "umt5": {
        "config": {**_T5, "model_type": "umt5", "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False},
        "types": ["Q8_0"],
    },
}

BlocksOf = Callable[[np.ndarray, gguf.GGMLQuantizationType], np.ndarray]

PROMPT = [1, 7, 12, 30, 9, 9, 21, 4, 17, 33, 3]


def _permuted(values: np.ndarray, heads: int) -> np.ndarray:
    """As LlamaModel.permute of llama.cpp's converter: the two halves of each head, interleaved."""
    shape = values.shape
    return values.reshape(heads, 2, shape[0] // heads // 2, *shape[1:]).swapaxes(1, 2).reshape(shape)


def _rope_factors(config: dict) -> np.ndarray | None:
    """As the converter writes LLaMA 3's scaling: what each frequency is divided by."""
    scaling = config.get("rope_scaling") or {}
    if scaling.get("rope_type") != "llama3":
        return None
    dim = config.get("head_dim", config["hidden_size"] // config["num_attention_heads"])
    low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
    positions, factors = scaling["original_max_position_embeddings"], []
    for frequency in 1.0 / config["rope_theta"] ** (np.arange(0, dim, 2) / dim):
        length = 2 * np.pi / frequency
        if length < positions / high:
            factors.append(1.0)
        elif length > positions / low:
            factors.append(scaling["factor"])
        else:
            smooth = (positions / length - low) / (high - low)
            factors.append(1 / ((1 - smooth) / scaling["factor"] + smooth))
    return np.array(factors, dtype=np.float32)


def _add_metadata(writer: gguf.GGUFWriter, config: dict) -> None:
    vocabulary = ["<unk>", "<s>", "</s>"] + [f"▁{chr(97 + i)}" if i < 26 else f"{i}" for i in range(config["vocab_size"] - 3)]
    if config.get("is_encoder_decoder"):
        vocabulary[:3] = ["<pad>", "</s>", "<unk>"]
        writer.add_feed_forward_length(config["d_ff"])
        writer.add_embedding_length(config["d_model"])
        writer.add_block_count(config["num_layers"])
        writer.add_decoder_block_count(config["num_decoder_layers"])
        writer.add_head_count(config["num_heads"])
        writer.add_key_length(config["d_kv"])
        writer.add_value_length(config["d_kv"])
        writer.add_layer_norm_eps(config["layer_norm_epsilon"])
        writer.add_layer_norm_rms_eps(config["layer_norm_epsilon"])
        writer.add_relative_attn_buckets_count(config["relative_attention_num_buckets"])
        writer.add_decoder_start_token_id(config["decoder_start_token_id"])
        writer.add_context_length(512)
        writer.add_tokenizer_model("t5")
    else:
        writer.add_feed_forward_length(config["intermediate_size"])
        writer.add_embedding_length(config["hidden_size"])
        writer.add_block_count(config["num_hidden_layers"])
        writer.add_head_count(config["num_attention_heads"])
        writer.add_head_count_kv(config["num_key_value_heads"])
        writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
        writer.add_context_length(config["max_position_embeddings"])
        writer.add_rope_freq_base(config["rope_theta"])
        head_dim = config.get("head_dim", config["hidden_size"] // config["num_attention_heads"])
        if "head_dim" in config:
            writer.add_key_length(head_dim)
            writer.add_value_length(head_dim)
        if config["model_type"] in ("llama", "smollm3"):
            writer.add_rope_dimension_count(head_dim)
            writer.add_vocab_size(config["vocab_size"])
        if "sliding_window" in config:
            writer.add_sliding_window(config["sliding_window"])
        scaling = config.get("rope_scaling") or {}
        if scaling.get("rope_type") == "linear":
            writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
            writer.add_rope_scaling_factor(scaling["factor"])
        writer.add_tokenizer_model("llama")
    end = config["eos_token_id"]
    writer.add_token_list(vocabulary)
    writer.add_token_scores([-float(i) for i in range(len(vocabulary))])
    writer.add_token_types([3, 3, 3] + [1] * (len(vocabulary) - 3))
    writer.add_bos_token_id(config["bos_token_id"])
    writer.add_eos_token_id(end[0] if isinstance(end, list) else end)
    if isinstance(end, list):
        writer.add_eot_token_id(end[1])
    writer.add_pad_token_id(config["pad_token_id"])


def write_gguf_model(
    path: Path, config: dict, types: list[str], seed: int, blocks_of: BlocksOf | None = None
) -> dict[str, np.ndarray]:
    """Writes PATH.gguf and PATH.json, and returns the values that a reader should find, by their names on the hub.

    blocks_of makes the blocks of a matrix, in place of gguf.quantize.
    """
    model = open_model({"attention_dropout": 0.0, **config}, seed)
    architecture = ARCHITECTURES[config["model_type"]]
    layers = config.get("num_hidden_layers", config.get("num_layers"))
    names = gguf.get_tensor_name_map(architecture, layers)
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(path.with_name(f"{path.name}.gguf"), gguf.MODEL_ARCH_NAMES[architecture])
    _add_metadata(writer, config)
    factors = _rope_factors(config)
    if factors is not None:
        writer.add_tensor("rope_freqs.weight", factors)
    matrices = 0
    found: dict[str, np.ndarray] = {}
    for parameter_name, parameter in model.named_parameters(remove_duplicate=True):
        values = parameter.detach().numpy()
        stored = names.get_name(parameter_name, try_suffixes=(".weight", ".bias"))
        kind = gguf.GGMLQuantizationType.F32
        if values.ndim == 2 and "relative_attention_bias" not in parameter_name:
            kind = gguf.GGMLQuantizationType[types[matrices % len(types)]]
            matrices += 1
            blocks = (blocks_of or gguf.quantize)(values, kind)
            values = gguf.dequantize(blocks, kind).astype(np.float32)
            with torch.no_grad():
                parameter.copy_(torch.from_numpy(values))
        found[parameter_name] = values
        permuted = 0
        if config["model_type"] in ("llama", "smollm3"):
            heads = {"q_proj": "num_attention_heads", "k_proj": "num_key_value_heads"}
            for part, count in heads.items():
                if f".{part}." in parameter_name:
                    permuted = config[count]
                    values = _permuted(values, permuted)
        if config["model_type"] == "gemma3_text" and parameter_name.endswith("norm.weight"):
            values = values + 1
            found[parameter_name] = values - 1
        if blocks_of is None or kind == gguf.GGMLQuantizationType.F32:
            data = gguf.quantize(np.ascontiguousarray(values), kind)
        else:
            data = np.ascontiguousarray(_permuted(blocks, permuted)) if permuted > 0 else blocks
        writer.add_tensor(stored, data, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with torch.no_grad():
        ids = torch.tensor([PROMPT])
        if config.get("is_encoder_decoder"):
            start = torch.tensor([[config["decoder_start_token_id"]]])
            logits = model(input_ids=ids, decoder_input_ids=start).logits[0]
        else:
            logits = model(input_ids=ids).logits[0]
    write_json(path.with_name(f"{path.name}.json"), {"prompt": PROMPT, "logits": logits.tolist()}, compact=True)
    return found


def write_gguf_models(folder: Path, seed: int) -> None:
    for name, model in MODELS.items():
        write_gguf_model(folder / name, model["config"], model["types"], seed)
