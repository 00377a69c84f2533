"""A small LLaMA (RMS norm, rotary positions, SwiGLU, tied embeddings) whose parameters have Hugging Face's names.

As in t5.py, the embedding is stored small and multiplied by `input_scale` on the way in, which keeps Adam's step in
proportion; `hugging_face_state` folds the scale away, so the file is a plain LlamaForCausalLM.
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

from t5 import Norm, linear

ROPE_THETA = 10000.0


def rotary_table(length, size):
    """cos and sin [length, size] of the angles of positions, each frequency twice: halves, not neighbours, turn."""
    angles = torch.arange(length)[:, None] * ROPE_THETA ** (-torch.arange(0, size, 2) / size)
    angles = torch.cat([angles, angles], -1)
    return angles.cos(), angles.sin()


def turned(x, table):
    """x [batch, heads, length, size], turned by position."""
    cos, sin = table
    first, second = x.chunk(2, -1)
    return x * cos + torch.cat([-second, first], -1) * sin


class Attention(nn.Module):
    def __init__(self, config):
        super().__init__()
        d = config["hidden_size"]
        self.heads = config["num_attention_heads"]
        self.q_proj, self.k_proj, self.v_proj = (linear(d, d, d ** -0.5) for _ in range(3))
        self.o_proj = linear(d, d, d ** -0.5 / (2 * config["num_hidden_layers"]) ** 0.5)

    def forward(self, x, table, later):
        split = lambda t: t.view(t.shape[0], t.shape[1], self.heads, -1).transpose(1, 2)
        q, k, v = turned(split(self.q_proj(x)), table), turned(split(self.k_proj(x)), table), split(self.v_proj(x))
        # Texts are short: the fused kernel's backward pass takes longer on a processor.
        out = (q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5 + later).softmax(-1).to(v.dtype) @ v
        return self.o_proj(out.transpose(1, 2).reshape(x.shape))


class FeedForward(nn.Module):
    def __init__(self, config):
        super().__init__()
        d, f = config["hidden_size"], config["intermediate_size"]
        self.gate_proj, self.up_proj = linear(d, f, d ** -0.5), linear(d, f, d ** -0.5)
        self.down_proj = linear(f, d, f ** -0.5 / (2 * config["num_hidden_layers"]) ** 0.5)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.self_attn, self.mlp = Attention(config), FeedForward(config)
        self.input_layernorm, self.post_attention_layernorm = (Norm(config["hidden_size"]) for _ in range(2))

    def forward(self, x, table, later):
        x = x + self.self_attn(self.input_layernorm(x), table, later)
        return x + self.mlp(self.post_attention_layernorm(x))


class Stack(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.embed_tokens = nn.Embedding(config["vocab_size"], config["hidden_size"])
        nn.init.normal_(self.embed_tokens.weight, std=0.05)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config["num_hidden_layers"]))
        self.norm = Norm(config["hidden_size"])


class Llama(nn.Module):
    def __init__(self, config, input_scale=8.0):
        super().__init__()
        self.config, self.input_scale = config, input_scale
        self.model = Stack(config)

    def forward(self, ids):
        """Last hidden states [batch, length, hidden] of texts that are padded on the right, so that none sees padding."""
        table = rotary_table(ids.shape[1], self.config["hidden_size"] // self.config["num_attention_heads"])
        later = torch.triu(torch.full((ids.shape[1], ids.shape[1]), -1e9), 1)  # hides what comes after
        x = self.model.embed_tokens(ids) * self.input_scale
        for layer in self.model.layers:
            x = layer(x, table, later)
        return self.model.norm(x)

    def logits(self, hidden):
        return hidden @ self.model.embed_tokens.weight.t()

    def hugging_face_state(self):
        """Parameters of the same function with the embedding unscaled in."""
        state = {name: tensor.detach().clone() for name, tensor in self.state_dict().items()}
        state["model.embed_tokens.weight"] *= self.input_scale
        state["model.norm.weight"] /= self.input_scale
        return state

    def load_hugging_face_state(self, state):
        state["model.embed_tokens.weight"] /= self.input_scale
        state["model.norm.weight"] *= self.input_scale
        self.load_state_dict(state)
