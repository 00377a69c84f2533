"""Initial word vectors: positive pointwise mutual information of pieces within six places, truncated SVD."""
import glob

import numpy as np
import torch

from tokenizer import fold

WINDOW = 6


def cooccurrence_embedding(corpus, pieces, d):
    """Array [pieces, d] of rows with norm √d (unit standard deviation)."""
    size = pieces.get_piece_size()
    counts = np.zeros((size, size), np.float32)
    for path in sorted(glob.glob(f"{corpus}/*.txt")) + [f"{corpus}/emoji.tsv"]:
        with open(path, encoding="utf8") as file:
            for ids in pieces.encode([fold(line) for line in file]):
                row = np.array(ids)
                for distance in range(1, WINDOW + 1):
                    if len(row) > distance:
                        np.add.at(counts, (row[:-distance], row[distance:]), 1.0 / distance)
    counts += counts.T
    rows, columns = counts.sum(1), counts.sum(0) ** 0.75
    expected = np.maximum(rows[:, None] * columns[None] / columns.sum(), 1e-9)
    information = np.maximum(np.log(np.maximum(counts, 1e-9) / expected), 0)
    u, s, _ = torch.svd_lowrank(torch.tensor(information), q=d + 12, niter=4)
    vectors = (u[:, :d] * s[:d] ** 0.5).numpy()
    vectors -= vectors.mean(0)
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors = np.where(norms > 1e-3, vectors / np.maximum(norms, 1e-6) * np.sqrt(d), 0)
    unseen = norms[:, 0] <= 1e-3
    vectors[unseen] = np.random.default_rng(0).normal(0, 1, (unseen.sum(), d))
    return vectors.astype(np.float32)
