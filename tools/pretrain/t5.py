"""A small T5 (v1.0: RMS norm, relative position bias, ReLU, tied embeddings) whose parameters have Hugging Face's names.

During pre-training the embedding is stored small and multiplied by `input_scale` on the way in, which keeps Adam's step
in proportion; `hugging_face_state` folds both scales away, so the file is a plain T5ForConditionalGeneration.
"""
import math

import torch
import torch.nn as nn
import torch.nn.functional as F


def relative_bucket(relative, bidirectional, buckets=32, max_distance=128):
    """T5's bucket of a relative position (key − query)."""
    result = torch.zeros_like(relative)
    if bidirectional:
        buckets //= 2
        result = (relative > 0).long() * buckets
        relative = relative.abs()
    else:
        relative = (-relative).clamp(min=0)
    exact = buckets // 2
    large = exact + (torch.log(relative.float().clamp(min=1) / exact) / math.log(max_distance / exact)
                     * (buckets - exact)).long()
    return result + torch.where(relative < exact, relative, large.clamp(max=buckets - 1))


class Norm(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(d))

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * self.weight


def linear(inputs, outputs, std):
    layer = nn.Linear(inputs, outputs, bias=False)
    nn.init.normal_(layer.weight, std=std)
    return layer


class Attention(nn.Module):
    def __init__(self, config, has_bias=False):
        super().__init__()
        d, inner = config["d_model"], config["num_heads"] * config["d_kv"]
        self.heads = config["num_heads"]
        self.q = linear(d, inner, (d * config["d_kv"]) ** -0.5)
        self.k, self.v = linear(d, inner, d ** -0.5), linear(d, inner, d ** -0.5)
        self.o = linear(inner, d, inner ** -0.5)
        if has_bias:
            self.relative_attention_bias = nn.Embedding(config["relative_attention_num_buckets"], self.heads)

    def forward(self, x, memory, bias):
        split = lambda t: t.view(t.shape[0], t.shape[1], self.heads, -1).transpose(1, 2)
        q, k, v = split(self.q(x)), split(self.k(memory)), split(self.v(memory))
        out = (q @ k.transpose(-1, -2) + bias).softmax(-1) @ v
        return self.o(out.transpose(1, 2).reshape(x.shape[0], x.shape[1], -1))


class SelfAttentionLayer(nn.Module):
    def __init__(self, config, has_bias):
        super().__init__()
        self.SelfAttention = Attention(config, has_bias)
        self.layer_norm = Norm(config["d_model"])

    def forward(self, x, bias):
        y = self.layer_norm(x)
        return x + self.SelfAttention(y, y, bias)


class CrossAttentionLayer(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.EncDecAttention = Attention(config)
        self.layer_norm = Norm(config["d_model"])

    def forward(self, x, memory, bias):
        return x + self.EncDecAttention(self.layer_norm(x), memory, bias)


class FeedForward(nn.Module):
    def __init__(self, config):
        super().__init__()
        d, f = config["d_model"], config["d_ff"]
        self.DenseReluDense = nn.ModuleDict({"wi": linear(d, f, d ** -0.5), "wo": linear(f, d, f ** -0.5)})
        self.layer_norm = Norm(d)

    def forward(self, x):
        return x + self.DenseReluDense["wo"](F.relu(self.DenseReluDense["wi"](self.layer_norm(x))))


class Block(nn.Module):
    def __init__(self, config, decoder, first):
        super().__init__()
        layers = [SelfAttentionLayer(config, first), FeedForward(config)]
        if decoder:
            layers.insert(1, CrossAttentionLayer(config))
        self.layer = nn.ModuleList(layers)

    def forward(self, x, bias, memory=None, memory_bias=None):
        x = self.layer[0](x, bias)
        if memory is not None:
            x = self.layer[1](x, memory, memory_bias)
        return self.layer[-1](x)


class Stack(nn.Module):
    def __init__(self, config, decoder):
        super().__init__()
        self.decoder = decoder
        self.block = nn.ModuleList(Block(config, decoder, i == 0) for i in range(config["num_layers"]))
        self.final_layer_norm = Norm(config["d_model"])

    def position_bias(self, length):
        positions = torch.arange(length)
        table = self.block[0].layer[0].SelfAttention.relative_attention_bias
        return table(relative_bucket(positions[None] - positions[:, None], not self.decoder)).permute(2, 0, 1)[None]

    def forward(self, x, bias, memory=None, memory_bias=None):
        for block in self.block:
            x = block(x, bias, memory, memory_bias)
        return self.final_layer_norm(x)


class T5(nn.Module):
    def __init__(self, config, embedding_std=0.05, input_scale=8.0):
        super().__init__()
        self.config, self.input_scale = config, input_scale
        self.shared = nn.Embedding(config["vocab_size"], config["d_model"])
        nn.init.normal_(self.shared.weight, std=embedding_std)
        self.encoder, self.decoder = Stack(config, False), Stack(config, True)

    def forward(self, source, decoder_input):
        mask = torch.where(source == 0, -1e9, 0.0)[:, None, None]  # [B, 1, 1, S]
        memory = self.encoder(self.shared(source) * self.input_scale,
                              self.encoder.position_bias(source.shape[1]) + mask)
        length = decoder_input.shape[1]
        causal = torch.triu(torch.full((length, length), -1e9), 1)
        y = self.decoder(self.shared(decoder_input) * self.input_scale,
                         self.decoder.position_bias(length) + causal, memory, mask)
        return y @ self.shared.weight.t()

    def hugging_face_state(self):
        """Parameters of the same function in T5's own scaling: embedding unscaled in, logits times d_model^-0.5."""
        state = {name: tensor.detach().clone() for name, tensor in self.state_dict().items()}
        state["shared.weight"] *= self.input_scale
        state["decoder.final_layer_norm.weight"] *= self.config["d_model"] ** 0.5 / self.input_scale
        return state

    def load_hugging_face_state(self, state):
        state["shared.weight"] /= self.input_scale
        state["decoder.final_layer_norm.weight"] *= self.input_scale / self.config["d_model"] ** 0.5
        self.load_state_dict(state)


def shift_right(labels):
    """Decoder input: labels after a start token (pad, 0)."""
    return torch.cat([torch.zeros_like(labels[:, :1]), labels[:, :-1]], 1)
