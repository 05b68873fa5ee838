"""Draws how PSNR rose during trainings, from the logs that ``srgan-train fit`` writes.

To be run as::

    python docs/curves.py reproduced/photographs-x4/fidelity/photographs-x4 --to docs/curve.svg

Several runs make several lines.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import matplotlib.pyplot as plt

LITERATURE = {"bicubic": 28.43, "SRCNN": 30.48, "VDSR": 31.35, "SRResNet, 10⁶ steps": 31.97}
"""Y PSNR on Set5 ×4: ESRGAN's supplement (Wang et al. 2018), VDSR (Kim et al. 2016), and a public
reproduction of SRResNet (twhui/SRGAN-PyTorch)"""


def curve(run: Path) -> tuple[list[int], list[float]]:
    """Return steps and PSNR of a run, of all its starts."""
    points: dict[int, float] = {}
    logs = sorted(run.glob("csv/version_*/metrics.csv"), key=lambda p: p.stat().st_mtime)
    for log in logs:
        with log.open(encoding="utf-8") as file:
            for row in csv.DictReader(file):
                if row.get("psnr_y"):
                    points[int(row["step"]) + 1] = float(row["psnr_y"])
    if not points:
        raise ValueError(f"{run}: no PSNR in its logs; give a run that had images to validate on")
    steps = sorted(points)
    return steps, [points[step] for step in steps]


def draw(runs: list[Path], to: Path) -> None:
    """Draw the curves of runs, with what the literature reached."""
    plt.rcParams.update({"svg.hashsalt": "napari-srgan", "font.size": 10})
    figure, axes = plt.subplots(figsize=(7, 3.6), layout="constrained")
    for run in runs:
        steps, values = curve(run)
        axes.plot(steps, values, marker=".", label=run.name)
        axes.annotate(
            f"{values[-1]:.2f}", (steps[-1], values[-1]), (4, 0), textcoords="offset points"
        )
    right = max(curve(run)[0][-1] for run in runs)
    for name, value in LITERATURE.items():
        axes.axhline(value, color="0.6", lw=0.8, ls="--")
        axes.text(right * 1.16, value, name, ha="right", va="bottom", color="0.35", size=8)
    axes.set(xlabel="step", ylabel="PSNR of Y on Set5 ×4, dB", xlim=(0, right * 1.17))
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="lower right", frameon=False, bbox_to_anchor=(0.86, 0.1))
    figure.savefig(to, metadata={"Date": None} if to.suffix == ".svg" else None)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--to", type=Path, default=Path(__file__).with_name("curve.svg"))
    given = parser.parse_args()
    draw(given.runs, given.to)
