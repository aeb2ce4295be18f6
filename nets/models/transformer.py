"""A transformer over a grid of tokens: rotary position embedding, attention, SwiGLU."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

ROTARY_BASE = 100.0  # lowest frequency about 1/100 rad per token, as grids are tens of tokens wide


class Block(nn.Module):
    """A residual block of attention, and one of SwiGLU (Shazeer 2020, arXiv 2002.05202)."""

    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm, self.gate_norm = nn.RMSNorm(width), nn.RMSNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width, bias=False)
        self.attention_out = nn.Linear(width, width, bias=False)
        self.gate = nn.Linear(width, 2 * hidden, bias=False)
        self.gate_out = nn.Linear(hidden, width, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """Transform tokens (N, T, width)."""
        split = self.query_key_value(self.attention_norm(tokens)).unflatten(2, (3, self.heads, -1))
        query, key, value = split.permute(2, 0, 3, 1, 4)
        query = query / query.shape[-1] ** 0.5
        # Written out: for tens of tokens on a CPU, the backward pass of torch's fused attention is ten times slower.
        attended = (query @ key.transpose(2, 3)).softmax(3) @ value
        tokens = tokens + self.attention_out(attended.transpose(1, 2).flatten(2))
        gate, linear = self.gate(self.gate_norm(tokens)).chunk(2, 2)
        tokens = tokens + self.gate_out(F.silu(gate) * linear)
        return tokens


def rotary_angles(height: int, width: int, features: int) -> Tensor:
    """Return cosines and sines (2, T, features / 2) of each token's angles: half by its row, half by its column.

    Rotary position embedding (Su et al. 2021, arXiv 2104.09864) along each axis separately.
    """
    pairs = features // 4
    speed = ROTARY_BASE ** -(torch.arange(pairs) / pairs)
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    angles = torch.cat([at.reshape(-1, 1) * speed for at in (rows, columns)], 1)
    return torch.stack([angles.cos(), angles.sin()])


def rotate(tokens: Tensor, angles: Tensor) -> Tensor:
    """Rotate pairs of features of tokens (..., T, features) by the ``angles`` of their positions."""
    first, second = tokens.chunk(2, -1)
    cosine, sine = angles.to(tokens.dtype)
    return torch.cat([first * cosine - second * sine, first * sine + second * cosine], -1)
