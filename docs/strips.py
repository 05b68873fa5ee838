"""Makes the strips of the README: what a model makes of an image, from faithful to realistic.

To be run as::

    python docs/strips.py --satellite AERIAL --medical SLICE

with files of HR images; the natural image comes with scikit-image. The strips are written beside
this file.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from skimage import data

from srgan_training.evaluation.benchmark_images import Case, Reduction, read_bands, to_case
from srgan_training.evaluation.evaluate import choose_rows, run
from srgan_training.evaluation.strips import Strips
from srgan_training.images import Stored


def strip(pixels: Stored, model: str, name: str) -> None:
    """Draw an image reduced, by bicubic, by both ends of a model, and itself.

    Parameters
    ----------
    pixels
        HR, ``(C, H, W)`` of any bit depth.
    model
        Name of a model with two ends.
    name
        Of the PNG that is written.
    """
    folder, drawn = Path(__file__).parent, Strips()
    case = Case(name, *to_case(pixels), folder / name, name)
    labels = ("bicubic", f"{model}, faithful", f"{model}, realistic")
    for label, row in zip(labels, choose_rows([model], [0, 1]), strict=True):
        sr, pair = run(case, row, Reduction(), number=0, consistency=0)
        drawn.add(name, label, row.scale, sr, pair)
    drawn.write(folder)


def main() -> None:
    """Read the arguments and draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--satellite", type=Path, required=True, help="an aerial RGB image")
    parser.add_argument("--medical", type=Path, required=True, help="a slice, such as of CT")
    options = parser.parse_args()
    strip(np.moveaxis(data.chelsea(), -1, 0), "general-x4", "strip_natural")
    strip(read_bands(options.satellite)[0], "general-x4", "strip_satellite")
    strip(read_bands(options.medical)[0], "medical-x4", "strip_medical")


if __name__ == "__main__":
    main()
