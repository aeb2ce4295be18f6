"""A transformer over a grid of tokens: positions by rotation of the tokens, attention, SwiGLU."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

ROTARY_BASE = 100.0  # the slowest pair of features turns by 1/100 rad a token: grids are tens of tokens wide


class Block(nn.Module):
    """Attention, then SwiGLU (Shazeer 2020, arXiv 2002.05202), each added to what came in."""

    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm, self.gate_norm = nn.RMSNorm(width), nn.RMSNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width, bias=False)
        self.attention_out = nn.Linear(width, width, bias=False)
        self.gate = nn.Linear(width, 2 * hidden, bias=False)
        self.gate_out = nn.Linear(hidden, width, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens (N, T, width)."""
        split = self.query_key_value(self.attention_norm(tokens)).unflatten(2, (3, self.heads, -1))
        query, key, value = split.permute(2, 0, 3, 1, 4)
        query = query / query.shape[-1] ** 0.5
        # Written out: for tens of tokens on a CPU, torch's fused attention takes ten times as long backward.
        attended = (query @ key.transpose(2, 3)).softmax(3) @ value
        tokens = tokens + self.attention_out(attended.transpose(1, 2).flatten(2))
        gate, linear = self.gate(self.gate_norm(tokens)).chunk(2, 2)
        tokens = tokens + self.gate_out(F.silu(gate) * linear)
        return tokens


def rotary_angles(height: int, width: int, features: int) -> Tensor:
    """Cosines and sines (2, T, features / 2) of each token's angles: half of the pairs by its row, half by its column.

    Su et al. 2021 (arXiv 2104.09864), along each axis by itself.
    """
    pairs = features // 4
    speed = ROTARY_BASE ** -(torch.arange(pairs) / pairs)
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    angles = torch.cat([at.reshape(-1, 1) * speed for at in (rows, columns)], 1)
    return torch.stack([angles.cos(), angles.sin()])


def rotate(tokens: Tensor, angles: Tensor) -> Tensor:
    """Tokens (..., T, features), turned in pairs of features by their position's ``angles``."""
    first, second = tokens.chunk(2, -1)
    cosine, sine = angles.to(tokens.dtype)
    return torch.cat([first * cosine - second * sine, first * sine + second * cosine], -1)
