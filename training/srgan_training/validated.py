"""Validation settings and constrained number types of the configuration's dataclasses."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

CHECKED = ConfigDict(extra="forbid", use_attribute_docstrings=True)
"""pydantic settings: unknown keys are refused, attribute docstrings become descriptions"""

Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
