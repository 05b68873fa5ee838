"""Find and load models by name: models shipped with the package and in the user folder."""

from __future__ import annotations

import os
import warnings
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

from .blend import blend, check_detail
from .cache import ModelCache
from .card import End, ModelCard
from .file import CHECKPOINT_SUFFIXES, SUFFIX, ModelError, load_file, read_card, sha256_of
from .model import Model

SHIPPED = Path(__file__).parent / "weights"
"""folder of the shipped model files"""
cache = ModelCache()
"""models loaded by `shared_model`"""


def user_folder() -> Path:
    """Return the folder of the user's own models, which may not exist.

    The environment variable ``NAPARI_SRGAN_MODELS`` overrides the default.
    """
    from platformdirs import user_data_path

    named = os.environ.get("NAPARI_SRGAN_MODELS")
    return Path(named) if named else user_data_path("napari-srgan", appauthor=False) / "models"


def find_models() -> dict[str, dict[End, Path]]:
    """Return name → end → file of every model; the user's models precede the shipped ones.

    Warns
    -----
    UserWarning
        If a file cannot be read; it is skipped.
    """
    found: dict[str, dict[End, Path]] = {}
    for folder in (user_folder(), SHIPPED):
        here: dict[str, dict[End, Path]] = {}
        for path in sorted(folder.glob(f"*{SUFFIX}")):
            try:
                card = read_card(path)
            except ModelError as error:
                warnings.warn(f"left out of the list of models: {error}", stacklevel=2)
                continue
            here.setdefault(card.name, {})[card.end] = path
        # A user model replaces both ends of a shipped one, as ends of different training runs
        # cannot be interpolated.
        found = here | found
    return found


def list_models() -> list[ModelCard]:
    """List the models that `load_model` accepts by name, sorted by name.

    Returns
    -------
    list of ModelCard
        The card of each model's fidelity end, or of its only end. ``both_ends`` is True where
        ``detail`` can be chosen.

    Examples
    --------
    >>> import napari_srgan as ns
    >>> [card.name for card in ns.list_models() if card.scale == 4]
    ['fast-x4', 'general-x4', 'gray-x4', 'medical-x4', 'satellite-x4']
    """
    cards = []
    for _, ends in sorted(find_models().items()):
        card = read_card(ends.get("fidelity") or ends["adversarial"])
        cards.append(replace(card, both_ends=len(ends) == 2))
    return cards


def load_model(name_or_path: str | Path, *, detail: float | None = None) -> Model:
    """Load a model by its name or from a file.

    Parameters
    ----------
    name_or_path
        A name listed by `list_models`, or the path of a ``.safetensors`` file.
    detail
        0 for the fidelity end, 1 for the adversarial end; values between interpolate the weights
        of a model that has both. None: the fidelity end, or the only one.

    Returns
    -------
    Model
        A copy, whose weights may be modified.

    Raises
    ------
    ModelError
        If the model does not exist, its file cannot be used, or it lacks the requested end.
    ValueError
        If ``detail`` does not lie between 0 and 1.

    Notes
    -----
    The last few models are kept in memory. What is returned is a copy of its own, whose weights
    may be changed.

    Examples
    --------
    >>> import napari_srgan as ns
    >>> model = ns.load_model("gray-x4")
    >>> model.scale, model.channels
    (4, 1)
    """
    shared = shared_model(name_or_path, detail=detail)
    return replace(shared, network=deepcopy(shared.network), card=deepcopy(shared.card))


def shared_model(name_or_path: str | Path, *, detail: float | None = None) -> Model:
    """Load a model as `load_model` does, but without a copy; the result must not be modified.

    Models are cached (`ModelCache`); a file that has changed is loaded again.
    """
    detail = None if detail is None else check_detail(detail)
    given = str(name_or_path)
    if (
        isinstance(name_or_path, Path)
        or given.endswith((SUFFIX, *CHECKPOINT_SUFFIXES))
        or os.path.isfile(given)
    ):
        path = Path(os.path.expanduser(name_or_path))
        model = _load(path)
        return _check_end(model, detail, str(path))
    known = find_models()
    if given not in known:
        raise ModelError(
            f"there is no model {given!r}; known are {', '.join(sorted(known)) or 'none'}, or "
            f"the path of a {SUFFIX} file"
        )
    ends = known[given]
    if len(ends) == 1:
        return _check_end(_load(next(iter(ends.values()))), detail, given)
    if not detail or detail == 1:
        return _load(ends["adversarial" if detail else "fidelity"])
    low, high = ends["fidelity"], ends["adversarial"]
    return cache.get(lambda: blend(_load(low), _load(high), detail), low, high, detail=detail)


def _load(path: Path) -> Model:
    return cache.get(lambda: _read_model(path), path)


def _read_model(path: Path) -> Model:
    network, card = load_file(path)
    return Model(network, card, (sha256_of(path),), float(card.end == "adversarial"))


def _check_end(model: Model, detail: float | None, name: str) -> Model:
    if detail in (None, model.detail):
        return model
    raise ModelError(
        f"{name}: it has the {model.card.end} end only, so detail={detail:g} cannot be had; "
        f"allowed is {model.detail:g}"
    )
