from __future__ import annotations

from typing import Any

import pytest
import torch

from napari_srgan.nn.channels import adapt_channels
from napari_srgan.nn.generator import GeneratorConfig
from tests.conftest import random_network


@pytest.mark.parametrize("upsampling", ["staged", "direct"])
def test_grey_images_come_out_the_same_in_one_channel_as_in_three(upsampling: Any) -> None:
    colour = random_network(GeneratorConfig(3, 2, 8, 1, upsampling=upsampling))
    grey = random_network(GeneratorConfig(1, 2, 8, 1, upsampling=upsampling))
    grey.load_state_dict(adapt_channels(dict(colour.state_dict()), 1))
    x = torch.rand(1, 1, 9, 9)
    expected = colour(x.repeat(1, 3, 1, 1)).mean(1, keepdim=True)
    assert torch.allclose(grey(x), expected, atol=1e-4)
    back = adapt_channels(dict(grey.state_dict()), 3)
    colour.load_state_dict(back)
    again = colour(x.repeat(1, 3, 1, 1))
    assert torch.allclose(again, grey(x).repeat(1, 3, 1, 1), atol=1e-4)
    with pytest.raises(ValueError, match="from 3 to 4"):
        adapt_channels(back, 4)
