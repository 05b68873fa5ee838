"""The halo of a run is the sum that the table of `halo_of_run` shows, for every shipped model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_srgan.engine.halo import halo_of_run
from napari_srgan.engine.planning import make_plan
from napari_srgan.models import list_models, load_model

HALOS = {"fast-x2": 18, "fast-x4": 14}
"""halos of networks that do not have 16 blocks"""
EIGHT_BIT, FLOAT = np.zeros((30, 30), "uint8"), np.zeros((30, 30), "float32")


@pytest.mark.parametrize("name", [card.name for card in list_models()])
@pytest.mark.parametrize(
    ("image", "options", "more"),
    [
        (EIGHT_BIT, {}, 0),
        (EIGHT_BIT, {"nodata": 0}, 4),
        (EIGHT_BIT, {"missing": np.zeros((30, 30), bool)}, 4),
        (EIGHT_BIT, {"normalise": (0.0, 9.0)}, 5),
        (FLOAT, {}, 5),
        (FLOAT, {"nodata": 0}, 5),
        (FLOAT, {"consistency": 2}, 13),
    ],
)
def test_halo_of_a_plan(name: str, image: Any, options: dict[str, Any], more: int) -> None:
    plan = make_plan(image, load_model(name), device="cpu", look=False, **options)
    assert plan.halo == HALOS.get(name, 40) + more


def test_a_small_network_has_the_halo_of_the_limits() -> None:
    assert halo_of_run(2, fills=False, outliers=False, consistency=0) == 7
