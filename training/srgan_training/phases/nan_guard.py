"""Skip steps whose loss or gradient is not finite."""

from __future__ import annotations

import math

from torch import Tensor


class NaNGuard:
    """Count the steps whose loss or gradient is not finite, and end a run that has too many.

    A skipped step leaves the weights alone, so that a rare overflow costs nothing.

    Parameters
    ----------
    limit
        Number of skips, in the whole run, at which it is given up.
    """

    def __init__(self, limit: int = 10) -> None:
        if limit < 1:
            raise ValueError(f"limit is {limit}; it must be at least 1")
        self.limit = limit
        self.skipped = 0
        """steps skipped so far; a resumed run sets it"""

    def skip(self, *values: float | Tensor, step: int) -> bool:
        """Say whether ``step`` is to be skipped: whether one of ``values`` is NaN or infinite.

        Parameters
        ----------
        values
            Scalars of the step, such as its loss and the norm of its gradient.
        step
            Number of the step, for the error.

        Raises
        ------
        FloatingPointError
            At skip number ``limit``, naming the count and the step.
        """
        if all(math.isfinite(float(value)) for value in values):
            return False
        self.skipped += 1
        if self.skipped >= self.limit:
            raise FloatingPointError(
                f"loss or gradient was not finite in {self.skipped} steps, the last of them step "
                f"{step}; lower the learning rate, or the adversarial weight where there is one"
            )
        return True
