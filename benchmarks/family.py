"""How fast the shipped models are beside each other.

Run as ``python -m benchmarks.family`` on a machine without other work.
"""

from __future__ import annotations

import argparse

import numpy as np

from napari_srgan.engine.device import choose_compute
from napari_srgan.models import list_models, load_model

from .speed import timed, whole_run


def main() -> None:
    """Print seconds of each model for the same image, and how many times faster than the slowest.

    Faster than the slowest of the same scale and number of channels.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=384, help="rows and columns of the image")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    device = choose_compute(options.device).device
    rng = np.random.default_rng(0)
    colour = rng.integers(0, 255, (options.size, options.size, 3), "uint8")
    print("| model | image | precision | s | times as fast |\n|---|---|---|--:|--:|")
    slowest: dict[tuple[int, str, str], float] = {}
    # The full networks come first.
    for card in sorted(list_models(), key=lambda card: -card.config.blocks):
        model = load_model(card.name)
        for kind, image in (("RGB", colour), ("grey", colour[..., 0].copy())):
            if kind == "RGB" and model.channels == 1:
                continue
            for precision in ("float32", "auto"):
                work = whole_run(model, image, options.device, precision)
                seconds = timed(work, options.repeats, device)
                times = slowest.setdefault((model.scale, kind, precision), seconds) / seconds
                print(f"| {card.name} | {kind} | {precision} | {seconds:.2f} | {times:.1f} |")


if __name__ == "__main__":
    main()
