"""Transformer blocks over a grid of tokens: attention with rotary positions in two dimensions, SwiGLU."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

ROTARY_BASE = 100.0  # the slowest pair turns by 1/100 rad a token: grids are tens of tokens wide


class Block(nn.Module):
    """Attention, then SwiGLU (Shazeer 2020, arXiv 2002.05202), each added to what came in."""

    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.heads = heads
        self.before_attention, self.before_gate = nn.RMSNorm(width), nn.RMSNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width, bias=False)
        self.mix = nn.Linear(width, width, bias=False)
        self.gate = nn.Linear(width, 2 * hidden, bias=False)
        self.out = nn.Linear(hidden, width, bias=False)

    def forward(self, tokens: Tensor, turns: Tensor) -> Tensor:
        """Tokens (N, T, width); ``turns`` of :func:`rotary_turns`."""
        split = self.query_key_value(self.before_attention(tokens)).unflatten(2, (3, self.heads, -1))
        query, key, value = split.permute(2, 0, 3, 1, 4)
        query = _rotated(query, turns) / query.shape[-1] ** 0.5
        # Written out: for tens of tokens on a CPU, torch's fused attention takes ten times as long backward.
        seen = (query @ _rotated(key, turns).transpose(2, 3)).softmax(3) @ value
        tokens = tokens + self.mix(seen.transpose(1, 2).flatten(2))
        gate, kept = self.gate(self.before_gate(tokens)).chunk(2, 2)
        tokens = tokens + self.out(F.silu(gate) * kept)
        return tokens


def rotary_turns(height: int, width: int, features: int) -> Tensor:
    """Cosines and sines (2, T, features / 2) of every token's angles: half of the pairs by its row, half by its column.

    Su et al. 2021 (arXiv 2104.09864), along each axis by itself.
    """
    pairs = features // 4
    speed = ROTARY_BASE ** -(torch.arange(pairs) / pairs)
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    angles = torch.cat([at.reshape(-1, 1) * speed for at in (rows, columns)], 1)
    return torch.stack([angles.cos(), angles.sin()])


def _rotated(features: Tensor, turns: Tensor) -> Tensor:
    first, second = features.chunk(2, -1)
    cosine, sine = turns.to(features.dtype)
    return torch.cat([first * cosine - second * sine, first * sine + second * cosine], -1)
