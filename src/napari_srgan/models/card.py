"""Model card: description of a model, stored in the header of its file."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

from ..nn.generator import GeneratorConfig

End = Literal["fidelity", "adversarial"]
ENDS = ("fidelity", "adversarial")
TEXT_FIELDS = (
    "name",
    "end",
    "description",
    "trained_on",
    "degradation",
    "licence",
    "data_licence",
    "command",
    "not_for",
)
"""card fields of type str"""


@dataclass(frozen=True)
class ModelCard:
    """Description of a model.

    ``config`` defines the architecture; the other fields are documentation and serve to choose a
    model.
    """

    name: str
    """name passed to `load_model`"""
    config: GeneratorConfig
    end: End = "fidelity"
    """``fidelity`` (trained with a pixel loss) or ``adversarial``: the two ends of ``detail``"""
    description: str = ""
    """intended use, one sentence"""
    domains: tuple[str, ...] = ()
    """image domains: natural, satellite, medical, microscopy"""
    trained_on: str = ""
    """training data and losses"""
    degradation: str = "antialiased bicubic, rounded to 8 bits"
    """degradation that produced the LR training images"""
    steps: int = 0
    """optimiser steps, including those of the model it was fine-tuned from"""
    licence: str = "BSD-3-Clause"
    """licence of the weights"""
    data_licence: str = ""
    """licences of the training data"""
    figures: dict[str, dict[str, float]] = field(default_factory=dict)
    """measured scores: benchmark → metric → value"""
    command: str = ""
    """command that printed the scores"""
    not_for: str = "Measuring what is not visible in the source: fine detail is a guess."
    """uses that the model is not suited for"""
    both_ends: bool = False
    """whether files of both ends are installed, so that ``detail`` can interpolate them"""

    @property
    def scale(self) -> int:
        """Upscaling factor along Y and X."""
        return self.config.scale

    @property
    def channels(self) -> int:
        """Number of input and output channels of the network: 1, or 3 for RGB."""
        return self.config.channels

    def to_dict(self) -> dict[str, Any]:
        """Return the card as JSON-ready values for the file header."""
        values = asdict(self) | {"config": self.config.to_dict()}
        del values["both_ends"]
        return values

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ModelCard:
        """Parse a header; unknown keys, written by later versions, are ignored.

        Raises
        ------
        ValueError
            If a required key is missing or a value has the wrong type.
        """
        if not isinstance(values, dict):
            raise ValueError("the header is not a set of named values")
        own = {f.name: f for f in fields(cls)}
        known = {k: v for k, v in values.items() if k in own and k != "both_ends"}
        if missing := {"name", "config"} - known.keys():
            raise ValueError(f"the header lacks {sorted(missing)}")
        config = known["config"]
        if not isinstance(config, dict):
            raise ValueError("the header's config is not a set of named values")
        allowed = {f.name for f in fields(GeneratorConfig)}
        if unknown := sorted(set(config) - allowed):
            raise ValueError(f"the header's config has unknown {unknown}")
        for key in (k for k in TEXT_FIELDS if k in known):
            if not _is_text(known[key]):
                raise ValueError(f"the header's {key} is {known[key]!r}, not a text")
        if not known["name"].strip():
            raise ValueError("the header's name is empty")
        if known.get("end", "fidelity") not in ENDS:
            raise ValueError(f"the header's end is {known['end']!r}; allowed are {ENDS}")
        known["config"] = GeneratorConfig(**config)
        domains = known.get("domains", ())
        if not isinstance(domains, (list, tuple)) or not all(map(_is_text, domains)):
            raise ValueError(f"the header's domains are {domains!r}, not a list of texts")
        known["domains"] = tuple(domains)
        steps = known.get("steps", 0)
        if not isinstance(steps, int) or isinstance(steps, bool) or steps < 0:
            raise ValueError(f"the header's steps are {steps!r}, not a number of steps")
        if not _are_figures(known.get("figures", {})):
            raise ValueError(
                f"the header's figures are {known['figures']!r}, not numbers by benchmark and "
                "metric"
            )
        return cls(**known)


def _is_text(value: object) -> bool:
    # Control characters would be interpreted by a terminal that lists the models.
    return isinstance(value, str) and " ".join(value.split()).isprintable()


def _are_figures(values: object) -> bool:
    def is_number(value: object) -> bool:
        return isinstance(value, (int, float)) and not isinstance(value, bool)

    return isinstance(values, dict) and all(
        _is_text(benchmark)
        and isinstance(metrics, dict)
        and all(_is_text(metric) and is_number(value) for metric, value in metrics.items())
        for benchmark, metrics in values.items()
    )
