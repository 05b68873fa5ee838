"""What is said of a run before it starts, held against the run."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from napari_srgan.engine import forecast
from napari_srgan.engine.planning import make_plan
from tests.conftest import MakeModel

MEASURE = """
import sys, threading, time
import numpy as np, psutil
from napari_srgan.engine import forecast
from napari_srgan.engine.planning import make_plan
from napari_srgan.engine.run import Run
from napari_srgan.models import load_model

model = load_model("gray-x4")
make = lambda image: make_plan(image, model, precision=sys.argv[1])
warm = np.zeros((64, 64), sys.argv[2])
warm[::2] = 200
plan = make(warm)
list(Run(plan, warm).into(np.empty(plan.shape, plan.dtype)))
image = np.random.default_rng(0).integers(0, 255, (512, 512)).astype(sys.argv[2])
plan = make(image)
process = psutil.Process()
before = process.memory_info().rss
seen, over = [before], []

def watch():
    while not over:
        seen.append(process.memory_info().rss)
        time.sleep(0.002)

thread = threading.Thread(target=watch)
thread.start()
out = np.empty(plan.shape, plan.dtype)
list(Run(plan, image).into(out))
over.append(True)
thread.join()
print(forecast.memory(plan) + plan.nbytes, max(seen) - before)
"""


@pytest.mark.timing
@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="other systems count memory in other ways")
@pytest.mark.parametrize(
    ("precision", "dtype"), [("auto", "uint8"), ("auto", "uint16"), ("float32", "uint8")]
)
def test_the_memory_that_is_said_is_what_it_takes(precision: str, dtype: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, precision, dtype],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    said, took = map(int, done.stdout.split())
    assert 0.8 < took / said < 1.2


def test_time_is_known_after_one_look_and_grows_with_the_work(make_model: MakeModel) -> None:
    model = make_model()
    plan = make_plan(np.zeros((300, 400), "uint8"), model)
    assert forecast.known_seconds(plan) is None
    took = forecast.seconds(plan)
    assert 0 < took == forecast.known_seconds(plan)
    stack = make_plan(np.zeros((6, 300, 400), "uint8"), model, axes="ZYX")
    assert forecast.seconds(stack) == pytest.approx(6 * took)
    other = make_plan(np.zeros((300, 400), "uint8"), model, consistency=2)
    assert forecast.known_seconds(other) is None


def test_what_goes_through_the_network_counts_its_halo(make_model: MakeModel) -> None:
    model = make_model()
    plan = make_plan(np.zeros((100, 100), "uint8"), model, tile=50)
    side = plan.tiles[0].window_shape[0]
    assert forecast.window_pixels(plan) == 4 * side**2 > 100**2
