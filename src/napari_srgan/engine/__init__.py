"""The engine: arrays through a model, tile by tile; knows arrays and models."""

from .plan import Plan, make_plan
from .run import Progress, Run, run

__all__ = ["Plan", "Progress", "Run", "make_plan", "run"]
