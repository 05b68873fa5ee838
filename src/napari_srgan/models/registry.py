"""Which models there are: those shipped with the package and those in the user's folder."""

from __future__ import annotations

import os
import warnings
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

from .blend import blend, check_detail
from .card import End, ModelCard
from .file import (
    CHECKPOINTS,
    SUFFIX,
    ModelError,
    load_file,
    read_card,
    sha256_of,
)
from .model import Model
from .recent import Recent

SHIPPED = Path(__file__).parent / "weights"
recent = Recent()
"""what `shared_model` has loaded"""


def user_folder() -> Path:
    """Return the folder for a person's own models; a file put there is listed.

    It need not exist. ``NAPARI_SRGAN_MODELS`` in the environment names another.
    """
    from platformdirs import user_data_path

    named = os.environ.get("NAPARI_SRGAN_MODELS")
    return Path(named) if named else user_data_path("napari-srgan", appauthor=False) / "models"


def find_models() -> dict[str, dict[End, Path]]:
    """Return name → end → file of every model; the user's own come before those shipped.

    A file that cannot be read is left out with a warning that says why.
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
        # A name of the user's hides the shipped one whole: its ends belong together.
        found = here | found
    return found


def list_models() -> list[ModelCard]:
    """List the models that `load_model` knows by name, sorted by name.

    Returns
    -------
    list of ModelCard
        The card of each model's fidelity end (or of the only one). ``both_ends`` says whether
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
        A name of `list_models`, or the path of a ``.safetensors`` file.
    detail
        0 the fidelity end, 1 the adversarial one, between them their weights interpolated, for a
        model that has both. None: the fidelity end, or the only one.

    Raises
    ------
    ModelError
        If there is no such model, its file cannot be used, or it lacks the end asked for.
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
    """Return what `load_model` does, but shared with all who ask for it: it must not be changed.

    A file that was replaced is loaded anew.
    """
    detail = None if detail is None else check_detail(detail)
    given = str(name_or_path)
    if (
        isinstance(name_or_path, Path)
        or given.endswith((SUFFIX, *CHECKPOINTS))
        or os.path.isfile(given)
    ):
        path = Path(os.path.expanduser(name_or_path))
        model = _load(path)
        return _only_end(model, detail, str(path))
    known = find_models()
    if given not in known:
        raise ModelError(
            f"there is no model {given!r}; known are {', '.join(sorted(known)) or 'none'}, or "
            f"the path of a {SUFFIX} file"
        )
    ends = known[given]
    if len(ends) == 1:
        return _only_end(_load(next(iter(ends.values()))), detail, given)
    if not detail or detail == 1:
        return _load(ends["adversarial" if detail else "fidelity"])
    low, high = ends["fidelity"], ends["adversarial"]
    return recent.get(lambda: blend(_load(low), _load(high), detail), low, high, detail=detail)


def _load(path: Path) -> Model:
    return recent.get(lambda: _load_anew(path), path)


def _load_anew(path: Path) -> Model:
    network, card = load_file(path)
    return Model(network, card, (sha256_of(path),), float(card.end == "adversarial"))


def _only_end(model: Model, detail: float | None, name: str) -> Model:
    if detail in (None, model.detail):
        return model
    raise ModelError(
        f"{name}: it has the {model.card.end} end only, so detail={detail:g} cannot be had; "
        f"allowed is {model.detail:g}"
    )
