"""Texts below the form: estimate, warnings about the chosen layers, and messages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..layers.validation import axes_warning, unsupported_reason
from .form import Form
from .labels import estimate_text
from .layer_choice import LayerChoice

if TYPE_CHECKING:
    from napari.layers import Image

    from ..jobs.estimate import Estimate


@dataclass(frozen=True)
class LayerCheck:
    """Which of the chosen layers can be super-resolved."""

    supported: tuple[Image, ...] = ()
    """layers that can be super-resolved"""
    reason: str = ""
    """why none of the layers can be super-resolved; empty if one can"""
    remarks: tuple[str, ...] = ()
    """warnings about the layers"""


def check_layers(choice: LayerChoice, axes: str | None) -> LayerCheck:
    """Check data type, shape and axes of the chosen layers.

    Parameters
    ----------
    choice
        The chosen layers.
    axes
        Axes typed by the user, None to take those of each layer.
    """
    reasons = [(each, unsupported_reason(each, axes)) for each in choice.sources]
    supported = tuple(each for each, reason in reasons if not reason)
    refused = [(each, reason) for each, reason in reasons if reason]
    left_out = [*choice.left_out, *(refused if supported else ())]
    return LayerCheck(
        supported,
        refused[0][1] if refused and not supported else "",
        (
            *(f"Left out: “{each.name}”. {reason}" for each, reason in left_out),
            *filter(None, (axes_warning(each, axes) for each in supported)),
        ),
    )


class Messages:
    """Shows estimate, warnings and messages in the labels of a form.

    Parameters
    ----------
    form
        The form with the labels.

    Attributes
    ----------
    check
        Result of the last `check_layers`.
    estimate
        Estimate for the chosen layer and options, None if there is none.
    problem
        Reason why a run with the chosen options would fail; empty if it would not.
    status
        Text of the last message, and whether it reports an error.
    closed
        Whether the labels may have been deleted.
    """

    def __init__(self, form: Form) -> None:
        self.form = form
        self.check = LayerCheck()
        self.estimate: Estimate | None = None
        self.problem = ""
        self.status: tuple[str, bool] = ("", False)
        self.closed = False

    def set_check(self, check: LayerCheck) -> None:
        """Show the warnings of a check."""
        self.check = check
        self.refresh()

    def set_estimate(self, estimate: Estimate | None) -> None:
        """Show an estimate, or none."""
        self.estimate, self.problem = estimate, ""
        self.refresh()

    def set_problem(self, problem: str) -> None:
        """Show why a run would fail, in place of an estimate."""
        self.estimate, self.problem = None, problem
        self.refresh()

    def show(self, text: str, is_error: bool = False) -> None:
        """Show a message in place of the previous one.

        Parameters
        ----------
        text
            The text; empty removes the message.
        is_error
            Whether it reports an error.
        """
        self.status = (text, is_error)
        self.refresh()

    def refresh(self) -> None:
        """Update the labels."""
        if self.closed:
            return
        layer = self.form.layer.source
        self.form.estimate_label.setText(
            estimate_text(self.estimate, layer) if self.estimate and layer is not None else ""
        )
        warnings = (self.check.reason or self.problem, *self.check.remarks)
        lines = [f"⚠ {text}" for text in warnings if text]
        if self.estimate is not None:
            lines += self.estimate.notes
        if self.form.layer.new_result_remark:
            # Below the buttons, which must not move while a user aims at them.
            lines.append(self.form.layer.new_result_remark)
        text, is_error = self.status
        if text:
            lines.append(f"⚠ {text}" if is_error else text)
        self.form.message.setText("\n".join(lines))
