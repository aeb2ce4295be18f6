"""
Images from noise, every step a filter
======================================

An image grid, an animation, and an explanation of a step. Needs torch.

Usage: ``python sample_cats.py [folder] [steps]``

The bundled network is in training: what it draws are no cats yet.
"""

import sys
from pathlib import Path

from pkn.plotting.image_grid import make_grid, write_gif, write_grid
from pkn.plotting.maps import save_figure
from pkn.sampling.explanation import explain_step
from pkn.sampling.kernel_predicting import find_sampler, states

folder = Path(sys.argv[1] if len(sys.argv) > 1 else "cats")
folder.mkdir(exist_ok=True)
number = int(sys.argv[2]) if len(sys.argv) > 2 else 32

net = find_sampler("cats")
steps = list(states(net, 16, steps=number, rng=0))
write_grid(folder / "cats.png", steps[-1].predicted)
write_gif(folder / "cats.gif", [make_grid(step.predicted) for step in steps])

middle = steps[len(steps) // 2]
save_figure(explain_step(net, middle.z[0], middle.t), folder / "explained.png")
