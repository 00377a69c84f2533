"""How the two kinds of embedded models differ: sizes, the layout of an example, the files that describe them."""
import json

import torch
import torch.nn.functional as F

from llama import ROPE_THETA, Llama
from t5 import T5, shift_right
from tokenizer import BOS, EOS, PAD, UNK


def padded(sequences):
    width = max(map(len, sequences))
    return torch.tensor([ids + [PAD] * (width - len(ids)) for ids in sequences])


class T5Family:
    NAME = "t5"
    CONFIG = dict(d_model=128, d_kv=32, d_ff=512, num_heads=4, num_layers=3, relative_attention_num_buckets=32)
    model = T5
    width, embedding = "d_model", "shared.weight"

    @staticmethod
    def source(pieces):
        return pieces + [EOS]

    @staticmethod
    def scores(model, examples):
        """Scores over the vocabulary [n, vocabulary] for the n pieces of all answers, one answer after another."""
        source, target = padded([s for s, _ in examples]), padded([t for _, t in examples])
        return model(source, shift_right(target))[target != PAD]

    @staticmethod
    def first_pieces(model, sources):
        """The piece that a greedy answer to each source begins with."""
        return model(padded(sources), torch.zeros(len(sources), 1, dtype=torch.long))[:, 0].argmax(-1)

    @staticmethod
    def adapted(model):
        """The modules and names of the layers that get LoRA by default."""
        blocks = [block for stack in (model.encoder, model.decoder) for block in stack.block]
        return [(block.layer[0].SelfAttention, name) for block in blocks for name in ("q", "v")]

    @staticmethod
    def hugging_face_config(config):
        return {
            "model_type": "t5", "architectures": ["T5ForConditionalGeneration"], **config,
            "num_decoder_layers": config["num_layers"], "relative_attention_max_distance": 128,
            "layer_norm_epsilon": 1e-06, "dropout_rate": 0.0, "feed_forward_proj": "relu", "tie_word_embeddings": True,
            "is_encoder_decoder": True, "pad_token_id": PAD, "eos_token_id": EOS, "decoder_start_token_id": PAD,
            "torch_dtype": "float16",
        }

    @staticmethod
    def tokenizer_files(tokenizer, config):
        return tokenizer, config


class LlamaFamily:
    NAME = "llama"
    CONFIG = dict(hidden_size=128, intermediate_size=512, num_attention_heads=4, num_hidden_layers=6)
    model = Llama
    width, embedding = "hidden_size", "model.embed_tokens.weight"

    @staticmethod
    def source(pieces):
        return [BOS] + pieces

    @staticmethod
    def scores(model, examples):
        texts = padded([(source + target)[:-1] for source, target in examples])
        rows = [i for i, (_, target) in enumerate(examples) for _ in target]
        places = [len(source) - 1 + j for source, target in examples for j in range(len(target))]
        return model.logits(model(texts)[rows, places])  # no other scores are needed

    @staticmethod
    def first_pieces(model, sources):
        last = torch.tensor([len(source) - 1 for source in sources])
        return model.logits(model(padded(sources))[torch.arange(len(sources)), last]).argmax(-1)

    @staticmethod
    def adapted(model):
        return [(layer.self_attn, name) for layer in model.model.layers for name in ("q_proj", "v_proj")]

    @staticmethod
    def hugging_face_config(config):
        return {
            "model_type": "llama", "architectures": ["LlamaForCausalLM"], **config,
            "num_key_value_heads": config["num_attention_heads"], "hidden_act": "silu", "rms_norm_eps": 1e-06,
            "rope_theta": ROPE_THETA, "max_position_embeddings": 512, "attention_bias": False, "mlp_bias": False,
            "tie_word_embeddings": True, "bos_token_id": BOS, "pad_token_id": PAD, "eos_token_id": EOS,
            "torch_dtype": "float16",
        }

    @staticmethod
    def tokenizer_files(tokenizer, _):
        """T5's pieces, with `<s>` in place of the first sentinel: it begins a text, and nothing closes it."""
        text = json.dumps(tokenizer).replace('"<extra_id_0>"', '"<s>"')
        begun = lambda *parts: [{"SpecialToken": {"id": "<s>", "type_id": 0}}] + [
            {"Sequence": {"id": part, "type_id": 0}} for part in parts]
        post = {"type": "TemplateProcessing", "single": begun("A"), "pair": begun("A", "B"),
                "special_tokens": {"<s>": {"id": "<s>", "ids": [BOS], "tokens": ["<s>"]}}}
        return {**json.loads(text), "post_processor": post}, {
            "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>",
            "unk_token": "<unk>", "clean_up_tokenization_spaces": False, "model_max_length": 512,
        }


FAMILIES = {family.NAME: family for family in (T5Family, LlamaFamily)}


def pieces_of(examples):
    return torch.tensor([piece for _, target in examples for piece in target])


def loss_of(family, model, examples):
    return F.cross_entropy(family.scores(model, examples).float(), pieces_of(examples))


def count_right(family, model, examples):
    """How many answers are right as a whole when every piece is guessed after the right ones before it."""
    right = family.scores(model, examples).argmax(-1) == pieces_of(examples)
    return sum(all(part) for part in right.split([len(target) for _, target in examples]))


def new_model(family, vocabulary):
    return family.model(dict(family.CONFIG, vocab_size=vocabulary))


def saved_model(checkpoint):
    """A saved model and its family, weights as they were saved."""
    family = FAMILIES[checkpoint["family"]]
    model = family.model(checkpoint["config"])
    model.load_state_dict(checkpoint["state"])
    return family, model
