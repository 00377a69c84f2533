"""The model families: config.json as on the hub, tiny, with deliberately odd sizes."""

# Fields that all decoder-only families below share.
_DECODER = {
    "attention_dropout": 0.0,
    "initializer_range": 0.02,
    "max_position_embeddings": 128,
    "rms_norm_eps": 1e-5,
    "hidden_act": "silu",
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}

DECODERS: dict[str, dict] = {
    # As LLaMA-2 was trained by the released code: padding is the token that begins a text.
    "llama-tiny": {
        **_DECODER,
        "model_type": "llama", "architectures": ["LlamaForCausalLM"],
        "vocab_size": 101, "hidden_size": 24, "intermediate_size": 44, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "rope_theta": 10000.0,
        "pad_token_id": 1, "tie_word_embeddings": False, "attention_bias": False, "mlp_bias": False,
    },
    # Rotary scaling of LLaMA 3 that bends every frequency range, three end tokens, four heads of 6 in a width of 32.
    "llama3-tiny": {
        **_DECODER,
        "model_type": "llama", "architectures": ["LlamaForCausalLM"],
        "vocab_size": 103, "hidden_size": 32, "intermediate_size": 52, "num_hidden_layers": 3, "head_dim": 6,
        "num_attention_heads": 4, "num_key_value_heads": 1, "rope_theta": 500.0,
        "rope_scaling": {
            "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 32,
        },
        "eos_token_id": [2, 5, 9], "tie_word_embeddings": True, "attention_bias": False, "mlp_bias": False,
    },
    # Biases of q, k and v. Six heads do not divide a width of 40: transformers takes 40 // 6 for the size of a head.
    "qwen2-tiny": {
        **_DECODER,
        "model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"],
        "vocab_size": 97, "hidden_size": 40, "intermediate_size": 44, "num_hidden_layers": 2,
        "num_attention_heads": 6, "num_key_value_heads": 2, "rope_theta": 10000.0, "rms_norm_eps": 1e-6,
        "tie_word_embeddings": True, "use_sliding_window": False, "sliding_window": 4, "max_window_layers": 1,
    },
    # Norms of q and k in every head, an explicit head size.
    "qwen3-tiny": {
        **_DECODER,
        "model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"],
        "vocab_size": 101, "hidden_size": 28, "intermediate_size": 46, "num_hidden_layers": 2, "head_dim": 10,
        "num_attention_heads": 4, "num_key_value_heads": 2, "rope_theta": 1000.0, "rms_norm_eps": 1e-6,
        "tie_word_embeddings": False, "attention_bias": False,
        "use_sliding_window": False, "sliding_window": None, "max_window_layers": 2,
    },
    # A window of 5 tokens, shorter than every prompt.
    "mistral-tiny": {
        **_DECODER,
        "model_type": "mistral", "architectures": ["MistralForCausalLM"],
        "vocab_size": 97, "hidden_size": 32, "intermediate_size": 44, "num_hidden_layers": 3, "head_dim": 10,
        "num_attention_heads": 3, "num_key_value_heads": 1, "rope_theta": 10000.0,
        "tie_word_embeddings": False, "sliding_window": 5,
    },
    # Layers without rotary embedding, at irregular intervals.
    "smollm3-tiny": {
        **_DECODER,
        "model_type": "smollm3", "architectures": ["SmolLM3ForCausalLM"],
        "vocab_size": 101, "hidden_size": 30, "intermediate_size": 38, "num_hidden_layers": 5,
        "num_attention_heads": 5, "num_key_value_heads": 1, "rope_theta": 2000.0, "rms_norm_eps": 1e-6,
        "tie_word_embeddings": True, "attention_bias": False, "mlp_bias": False,
        "no_rope_layers": [1, 1, 0, 0, 1], "no_rope_layer_interval": 4,
        "use_sliding_window": False, "sliding_window": None,
    },
    # Norms with 1 + w before and after each block, local layers in a row and one at the end, two rotary bases.
    "gemma3-tiny": {
        **{key: value for key, value in _DECODER.items() if key != "hidden_act"},
        "model_type": "gemma3_text", "architectures": ["Gemma3ForCausalLM"],
        "vocab_size": 103, "hidden_size": 30, "intermediate_size": 40, "num_hidden_layers": 5, "head_dim": 12,
        "num_attention_heads": 3, "num_key_value_heads": 1, "rope_theta": 5000.0, "rope_local_base_freq": 100.0,
        "rms_norm_eps": 1e-6, "hidden_activation": "gelu_pytorch_tanh", "attention_bias": False,
        "query_pre_attn_scalar": 20, "sliding_window": 4,
        "layer_types": ["sliding_attention", "sliding_attention", "full_attention", "full_attention",
                        "sliding_attention"],
        "attn_logit_softcapping": None, "final_logit_softcapping": None, "rope_scaling": None,
        "bos_token_id": 2, "eos_token_id": [1, 7], "tie_word_embeddings": True,
    },
}

_ENCODER_DECODER = {
    "is_encoder_decoder": True,
    "dropout_rate": 0.0,
    "initializer_factor": 1.0,
    "layer_norm_epsilon": 1e-6,
    "pad_token_id": 0,
    "eos_token_id": 1,
    "decoder_start_token_id": 0,
    "relative_attention_num_buckets": 32,
    "relative_attention_max_distance": 128,
    "use_cache": True,
}

ENCODER_DECODERS: dict[str, dict] = {
    "t5-tiny": {
        **_ENCODER_DECODER,
        "model_type": "t5", "architectures": ["T5ForConditionalGeneration"],
        "vocab_size": 101, "d_model": 24, "d_kv": 6, "num_heads": 4, "d_ff": 40, "num_layers": 2,
        "num_decoder_layers": 2, "feed_forward_proj": "relu", "tie_word_embeddings": True,
    },
    # Three heads of 8 in a width of 28.
    "t5-v1_1-tiny": {
        **_ENCODER_DECODER,
        "model_type": "t5", "architectures": ["T5ForConditionalGeneration"],
        "vocab_size": 97, "d_model": 28, "d_kv": 8, "num_heads": 3, "d_ff": 36, "num_layers": 2,
        "num_decoder_layers": 2, "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False,
    },
    # As umT5: a relative bias in every layer.
    "umt5-tiny": {
        **_ENCODER_DECODER,
        "model_type": "umt5", "architectures": ["UMT5ForConditionalGeneration"],
        "vocab_size": 103, "d_model": 26, "d_kv": 6, "num_heads": 3, "d_ff": 36, "num_layers": 2,
        "num_decoder_layers": 2, "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False,
    },
    # As ByT5: an encoder deeper than the decoder, and rows for 3 special tokens, 256 bytes and 125 extra ids.
    "byt5-tiny": {
        **_ENCODER_DECODER,
        "model_type": "t5", "architectures": ["T5ForConditionalGeneration"],
        "vocab_size": 384, "d_model": 16, "d_kv": 6, "num_heads": 2, "d_ff": 36, "num_layers": 3,
        "num_decoder_layers": 1, "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False,
    },
}

# Fields with another value that must change the logits: otherwise the numbers would not show that a field is read.
TELLING: dict[str, list[dict]] = {
    "llama3-tiny": [{"rope_scaling": None}, {"rope_theta": 100.0}],
    "qwen2-tiny": [{"rope_theta": 100.0}],
    "qwen3-tiny": [{"rope_theta": 100.0}],
    "mistral-tiny": [{"sliding_window": None}, {"sliding_window": 6}],
    "smollm3-tiny": [{"no_rope_layers": [1, 1, 1, 0, 1]}, {"no_rope_layers": [1, 1, 0, 1, 1]}],
    "gemma3-tiny": [
        {"query_pre_attn_scalar": 12}, {"sliding_window": 5}, {"rope_local_base_freq": 5000.0}, {"rope_theta": 100.0},
        {"layer_types": ["sliding_attention", "full_attention", "full_attention", "full_attention",
                         "sliding_attention"]},
    ],
    "umt5-tiny": [{"relative_attention_max_distance": 20}],
}
