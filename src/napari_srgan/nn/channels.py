"""Carry a generator's weights over to another number of image channels."""

from __future__ import annotations

from torch import Tensor


def adapt_channels(state: dict[str, Tensor], channels: int) -> dict[str, Tensor]:
    """Return ``state`` for an image of ``channels`` channels; the trunk stays as it is.

    To one channel: the head's kernels are summed over the inputs and the tail's averaged over the
    outputs, so that the result equals the mean of what the source gives for a grey image in
    each of its channels. From one to several: every channel gets the single one's tail, and the
    head's kernel shared out.

    Raises
    ------
    ValueError
        If neither the source nor the target has one channel and they differ.
    """
    have = state["head.weight"].shape[1]
    if have == channels:
        return dict(state)
    head, tail, bias = state["head.weight"], state["tail.weight"], state["tail.bias"]
    # Channels first, behind them the sub-pixels of direct upsampling.
    tail, bias = tail.unflatten(0, (have, -1)), bias.unflatten(0, (have, -1))
    if channels == 1:
        head, tail, bias = head.sum(1, True), tail.mean(0, True), bias.mean(0, True)
    elif have == 1:
        head = head.repeat(1, channels, 1, 1) / channels
        tail, bias = (t.expand(channels, *t.shape[1:]) for t in (tail, bias))
    else:
        raise ValueError(f"cannot carry weights from {have} to {channels} channels")
    return state | {
        "head.weight": head,
        "tail.weight": tail.flatten(0, 1),
        "tail.bias": bias.flatten(),
    }
