"""Names of results: what is different about each of several results of one layer."""

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
    """What the pixels of a result depend on."""

    model: str
    """without its scale, or the name of the file that was chosen"""
    detail: float
    axes: str
    part: tuple[Span | None, ...]
    """along each axis the part of the source that was computed, None for all of it"""
    consistency: int
    normalise: object
    nodata: Nodata


def recipe_of(plan: Plan, model: Any, asked: Options) -> Recipe:
    """Return the recipe of a plan.

    Parameters
    ----------
    plan
        What was carried out.
    model
        As it was chosen: a name, a path or a loaded model.
    asked
        The options as they were chosen, before anything was filled in.
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
        asked.normalise,
        asked.nodata,
    )


def name_result(plain: str, recipe: Recipe, earlier: Iterable[tuple[str, Recipe]]) -> str:
    """Return the name of a result.

    Parameters
    ----------
    plain
        The name of the first result of a layer: the layer's with the scale.
    recipe
        How the new result was made.
    earlier
        Names and recipes of the results that the layer has.

    Returns
    -------
    str
        ``plain`` where no result has that name. Else what differs from the result that has it
        stands behind it: ``cells ×4 realistic``, ``cells ×4 satellite``, ``cells ×4 z6``. Where
        nothing differs it is ``plain``, which napari counts.
    """
    names = dict(earlier)
    if plain not in names:
        return plain
    name = plain
    for exactly in (False, True):
        name = " ".join([plain, *_differences(recipe, names[plain], exactly)])
        if name not in names:
            break
    return name


def _differences(new: Recipe, old: Recipe, exactly: bool) -> Iterator[str]:
    """Yield a few words for each thing in which a recipe is not the other."""
    if new.model != old.model:
        yield new.model
    if new.detail != old.detail:
        yield {0.0: "faithful", 1.0: "realistic"}.get(new.detail, f"detail {new.detail:g}")
    if new.axes != old.axes:
        yield new.axes
    if new.part != old.part:
        yield _part(new, exactly)
    if new.consistency != old.consistency:
        yield f"consistency {new.consistency}" if new.consistency else "no consistency"
    if new.normalise != old.normalise:
        yield _range(new.normalise)
    if new.nodata != old.nodata:
        number = isinstance(new.nodata, (int, float))
        yield "no nodata" if new.nodata is None else f"nodata {new.nodata:{'g' * number}}"


def _part(recipe: Recipe, exactly: bool) -> str:
    """Say which part of a layer a result is of: ``z6``, ``part``, ``part at 120, 300``."""
    spans = dict(zip(recipe.axes, recipe.part, strict=True))
    words = [
        f"{axis.lower()}{first}" + (f"–{last - 1}" if last - first > 1 else "")
        for axis, (first, last) in ((a, s) for a, s in spans.items() if s and a not in "YX")
    ]
    y, x = spans["Y"], spans["X"]
    if y or x:
        at = (0 if span is None else span[0] for span in (y, x))
        words.append("part at {}, {}".format(*at) if exactly else "part")
    return " ".join(words) or "whole"


def _range(normalise: object) -> str:
    """Say which values a model saw as 0 and 1."""
    if isinstance(normalise, tuple):
        return "range " + "–".join(f"{value:g}" for value in normalise)
    return {"auto": "automatic range", "none": "range 0–1"}.get(str(normalise), str(normalise))
