"""The same work in PyTorch, on its fastest device, as JSON on stdout: products, an encoder block, a t5-small with LoRA.

Called by the bench bundle, which gives it nothing; exits with 3 where PyTorch is not installed.
"""

import json
import statistics
import sys
import time

try:
    import torch
    import torch.nn.functional as F
except ImportError:
    sys.exit(3)

# f32 as such, not TF32: the kernels beside it have no such rounding.
torch.backends.cuda.matmul.allow_tf32 = False
torch.backends.cudnn.allow_tf32 = False
torch.manual_seed(1)

if torch.cuda.is_available():
    DEVICE, NAME, wait = "cuda", torch.cuda.get_device_name(), torch.cuda.synchronize
elif torch.backends.mps.is_available():
    DEVICE, NAME, wait = "mps", "Apple GPU", torch.mps.synchronize
else:
    DEVICE, NAME, wait = "cpu", "CPU", lambda: None


def median_ms(work, rounds=10):
    """Median milliseconds of some work, after two runs of it; ten seconds at most."""
    for _ in range(2):
        work()
    wait()
    times, end = [], time.perf_counter() + 10
    while len(times) < rounds and (not times or time.perf_counter() < end):
        start = time.perf_counter()
        work()
        wait()
        times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times)


def norm(x, weight):
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * weight


def attention(q, k, v, bias, heads, causal=False):
    """Unscaled attention as in T5. q [B, S, D], bias [heads, Sq, Sk]."""
    q, k, v = (x.view(*x.shape[:2], heads, -1).transpose(1, 2) for x in (q, k, v))
    scores = q @ k.transpose(-1, -2)
    if bias is not None:
        scores = scores + bias
    if causal:
        hidden = torch.ones(scores.shape[-2:], dtype=torch.bool, device=DEVICE).triu(1)
        scores = scores.masked_fill(hidden, -torch.inf)
    return (scores.softmax(-1) @ v).transpose(1, 2).flatten(2)


def products():
    """Milliseconds of x Wᵀ for [M, K, N]."""
    found = []
    for m, k, n in [(512, 512, 512), (1024, 512, 512), (512, 512, 2048), (128, 512, 4096), (4096, 1024, 4096)]:
        x, w = torch.randn(m, k, device=DEVICE), torch.randn(n, k, device=DEVICE)
        ms = median_ms(lambda: x @ w.T, 50)
        found.append({"sizes": [m, k, n], "ms": ms, "gflops": 2 * m * k * n / ms / 1e6})
    return found


def block_step():
    """The encoder block of `src/bench/block-step.ts`: batch 8, sequence 64, d 256, 4 heads, feed-forward 1024."""
    d, f = 256, 1024
    shapes = {"q": (d, d), "k": (d, d), "v": (d, d), "o": (d, d), "in": (f, d), "out": (d, f), "bias": (4, 64, 64)}
    p = {name: (0.05 * torch.randn(shape, device=DEVICE)).requires_grad_() for name, shape in shapes.items()}
    p |= {name: torch.ones(d, device=DEVICE, requires_grad=True) for name in ("g1", "g2")}
    adam = torch.optim.Adam(p.values(), lr=1e-3)
    x, y = torch.randn(8, 64, d, device=DEVICE), torch.randn(8, 64, d, device=DEVICE)

    def step():
        adam.zero_grad()
        h = norm(x, p["g1"])
        r = x + attention(*(F.linear(h, p[name]) for name in "qkv"), p["bias"], 4) @ p["o"].T
        out = r + F.linear(F.relu(F.linear(norm(r, p["g2"]), p["in"])), p["out"])
        loss = F.mse_loss(out, y)
        loss.backward()
        adam.step()
        return loss.item()

    return median_ms(step)


def t5_small_step():
    """A random t5-small, batch 8 × 128, labels of 10: LoRA of rank 8 on every q and v, the rest frozen."""
    d, f, heads, layers, vocabulary, rank = 512, 2048, 8, 6, 32128, 8
    trained = []

    def linear(inputs, outputs, adapted=False):
        weight = torch.randn(outputs, inputs, device=DEVICE) / inputs**0.5
        if not adapted:
            return lambda x: F.linear(x, weight)
        a = (torch.randn(rank, inputs, device=DEVICE) / inputs**0.5).requires_grad_()
        b = torch.zeros(outputs, rank, device=DEVICE, requires_grad=True)
        trained.extend((a, b))
        return lambda x: F.linear(x, weight) + F.linear(F.linear(x, a), b)

    def attention_layer():
        return [linear(d, d, adapted=name in "qv") for name in "qkvo"]

    scale, table = torch.ones(d, device=DEVICE), torch.randn(vocabulary, d, device=DEVICE)
    encoder = [(attention_layer(), linear(d, f), linear(f, d)) for _ in range(layers)]
    decoder = [(attention_layer(), attention_layer(), linear(d, f), linear(f, d)) for _ in range(layers)]
    biases = [torch.randn(heads, n, n, device=DEVICE) for n in (128, 10)]
    adam = torch.optim.Adam(trained, lr=1e-3)
    source = torch.randint(vocabulary, (8, 128), device=DEVICE)
    label = torch.randint(vocabulary, (8, 10), device=DEVICE)

    def attend(x, context, parts, bias, causal=False):
        q, k, v, o = parts
        h = norm(x, scale)
        context = h if context is None else context
        return x + o(attention(q(h), k(context), v(context), bias, heads, causal))

    def feed(x, into, out):
        return x + out(F.relu(into(norm(x, scale))))

    def step():
        adam.zero_grad()
        x = table[source]
        for parts, into, out in encoder:
            x = feed(attend(x, None, parts, biases[0]), into, out)
        encoded, y = norm(x, scale), table[label]
        for own, cross, into, out in decoder:
            y = attend(y, None, own, biases[1], causal=True)
            y = feed(attend(y, encoded, cross, None), into, out)
        logits = F.linear(norm(y, scale) * d**-0.5, table)
        loss = F.cross_entropy(logits.flatten(0, 1), label.flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        adam.step()
        return loss.item()

    return median_ms(step)


print(
    json.dumps(
        {
            "torch": torch.__version__,
            "device": NAME,
            "products": products(),
            "block": block_step(),
            "t5SmallLora": t5_small_step(),
        }
    )
)
