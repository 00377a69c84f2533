"""T5's buckets of relative positions, from transformers."""
from pathlib import Path

import torch
from transformers.models.t5.modeling_t5 import T5Attention

from files import write_json


def write_buckets(path: Path, reach: int = 300, num_buckets: int = 32, max_distance: int = 128) -> None:
    distances = torch.arange(-reach, reach + 1)
    of = lambda bidirectional: T5Attention._relative_position_bucket(
        distances, bidirectional=bidirectional, num_buckets=num_buckets, max_distance=max_distance
    ).tolist()
    write_json(path, {
        "relative_position": f"memory_position - query_position, from {-reach} to {reach}", "first": -reach, "last": reach,
        "num_buckets": num_buckets, "max_distance": max_distance, "bidirectional": of(True), "unidirectional": of(False),
    }, compact=True)
