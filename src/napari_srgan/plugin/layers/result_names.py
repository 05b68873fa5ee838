"""Names of several results of one layer, which state how they differ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ...engine.missing import Nodata
    from ...engine.plan import Plan
    from ...engine.tiles import Span
from ...options import Options


@dataclass(frozen=True)
class Recipe:
    """Parameters that determine the pixels of a result."""

    model: str
    """name of the model without scale, or of the model file"""
    detail: float
    """interpolation weight, 0 to 1"""
    axes: str
    """axes of the source, one letter per dimension"""
    part: tuple[Span | None, ...]
    """computed span of each axis, None for the whole axis"""
    consistency: int
    """back-projection steps"""
    normalise: object
    """requested intensity range"""
    nodata: Nodata
    """requested no-data value"""


def recipe_of(plan: Plan, model: Any, requested: Options) -> Recipe:
    """Return the recipe of a plan.

    Parameters
    ----------
    plan
        The plan of the run.
    model
        Name, path or loaded model, as requested.
    requested
        The options as requested, before defaults were filled in.
    """
    name = plan.model.card.name
    if isinstance(model, (str, Path)) and Path(model).suffix == ".safetensors":
        name = Path(model).stem
    whole = ((0, n) for n in plan.layout.shape)
    return Recipe(
        name.removesuffix(f"-x{plan.scale}"),
        float(plan.model.detail),
        plan.layout.axes,
        tuple(None if s == w else s for s, w in zip(plan.spans, whole, strict=True)),
        plan.consistency,
        requested.normalise,
        requested.nodata,
    )


def name_result(base_name: str, recipe: Recipe, earlier: Iterable[tuple[str, Recipe]]) -> str:
    """Return the name of a result.

    Parameters
    ----------
    base_name
        Default name: the name of the layer and the scale.
    recipe
        Recipe of the new result.
    earlier
        Names and recipes of the existing results of the layer.

    Returns
    -------
    str
        ``base_name`` if it is not used. Else the differences from the result of that name are
        appended: ``cells ×4 realistic``, ``cells ×4 satellite``, ``cells ×4 z6``. If there are
        none, ``base_name``, to which napari appends a number.
    """
    names = dict(earlier)
    if base_name not in names:
        return base_name
    name = base_name
    for precise in (False, True):
        name = " ".join([base_name, *_differences(recipe, names[base_name], precise)])
        if name not in names:
            break
    return name


def _differences(new: Recipe, old: Recipe, precise: bool) -> Iterator[str]:
    """Yield a short text for each parameter that differs."""
    if new.model != old.model:
        yield new.model
    if new.detail != old.detail:
        yield {0.0: "faithful", 1.0: "realistic"}.get(new.detail, f"detail {new.detail:g}")
    if new.axes != old.axes:
        yield new.axes
    if new.part != old.part:
        yield _describe_part(new, precise)
    if new.consistency != old.consistency:
        yield f"consistency {new.consistency}" if new.consistency else "no consistency"
    if new.normalise != old.normalise:
        yield _describe_range(new.normalise)
    if new.nodata != old.nodata:
        number = isinstance(new.nodata, (int, float))
        yield "no nodata" if new.nodata is None else f"nodata {new.nodata:{'g' * number}}"


def _describe_part(recipe: Recipe, precise: bool) -> str:
    """Describe the computed part: ``z6``, ``part``, ``part at 120, 300`` (if ``precise``)."""
    spans = dict(zip(recipe.axes, recipe.part, strict=True))
    words = [
        f"{axis.lower()}{first}" + (f"–{last - 1}" if last - first > 1 else "")
        for axis, (first, last) in ((a, s) for a, s in spans.items() if s and a not in "YX")
    ]
    y, x = spans["Y"], spans["X"]
    if y or x:
        at = (0 if span is None else span[0] for span in (y, x))
        words.append("part at {}, {}".format(*at) if precise else "part")
    return " ".join(words) or "whole"


def _describe_range(normalise: object) -> str:
    """Describe the intensity range that is mapped to 0 to 1."""
    if isinstance(normalise, tuple):
        return "range " + "–".join(f"{value:g}" for value in normalise)
    return {"auto": "automatic range", "none": "range 0–1"}.get(str(normalise), str(normalise))
