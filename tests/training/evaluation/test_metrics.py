from __future__ import annotations

import sys
from types import ModuleType

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from srgan_training.data.patches import Pair, make_pair
from srgan_training.evaluation.metrics import crop_border, drift, luma, psnr, spectral_angle, ssim
from srgan_training.evaluation.perceptual import gmsd, load_lpips, mdsi
from srgan_training.evaluation.scores import convention_of, measure
from srgan_training.evaluation.spectrum import checkerboard, radial_spectrum, spectrum_error
from srgan_training.images import Image


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def natural(height: int = 96, width: int = 112, seed: int = 0) -> np.ndarray:
    """Return a plane whose spectrum falls with the square of the frequency, on [0, 1]."""
    fy, fx = np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)
    spectrum = np.fft.fft2(noise(height, width, seed=seed)) / (np.hypot(fy, fx) + 0.02)
    plane = np.fft.ifft2(spectrum).real
    return np.asarray((plane - plane.min()) / np.ptp(plane))


def test_psnr_of_a_constant_error() -> None:
    a = np.full((3, 8, 8), 100.0)
    assert psnr(a, a + 10) == pytest.approx(20 * np.log10(25.5))
    assert psnr(a, a + 10, data_range=1000) == pytest.approx(40)
    assert psnr(a, a) == float("inf")


def test_ssim_is_that_of_scikit_image_where_its_window_fits() -> None:
    a, b = 255 * natural(), 255 * natural() + 9 * noise(96, 112, seed=1)
    _, expected = structural_similarity(
        a,
        b,
        data_range=255,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )
    assert ssim(a, b) == pytest.approx(expected[5:-5, 5:-5].mean(), abs=1e-12)
    assert ssim(a, a) == 1
    assert ssim(a, b, border=4) == ssim(crop_border(a, 4), crop_border(b, 4))


def test_ssim_says_what_it_needs() -> None:
    with pytest.raises(ValueError, match=r"18 × 10 pixels; SSIM needs 11 × 11"):
        ssim(np.zeros((20, 12)), np.zeros((20, 12)), border=1)


def test_spectral_angle_of_equal_diagonal_and_orthogonal_spectra() -> None:
    red = np.zeros((3, 2, 2))
    red[0] = 7
    grey, blue = np.full((3, 2, 2), 2.0), np.roll(red, 2, 0)
    assert spectral_angle(red, 3 * red) == pytest.approx(0, abs=1e-5)
    assert spectral_angle(red, blue) == pytest.approx(90)
    assert spectral_angle(red, grey) == pytest.approx(np.degrees(np.arccos(1 / np.sqrt(3))))


def test_spectral_angle_leaves_out_what_has_none() -> None:
    a, b = np.ones((2, 1, 2)), np.ones((2, 1, 2))
    a[:, 0, 0] = 0
    b[0, 0, 1] = 0
    assert spectral_angle(a, b) == pytest.approx(45)
    assert np.isnan(spectral_angle(a[..., :1], b[..., :1]))
    assert np.isnan(spectral_angle(a[:1], b[:1]))


def test_drift_is_the_shift_of_the_worst_band() -> None:
    hr = np.random.default_rng(0).random((2, 5, 5))
    shift = np.array([0.02, -0.04])[:, None, None]
    assert drift(hr + shift, hr) == pytest.approx(4)
    assert drift(hr + shift, hr, data_range=2) == pytest.approx(2)


def test_gmsd_of_equal_images_is_zero() -> None:
    a = 255 * natural()
    assert gmsd(a, a) == 0
    assert 0 < gmsd(a, a + 5 * noise(*a.shape)) < gmsd(a, a + 30 * noise(*a.shape)) < 0.5


def test_gmsd_by_hand() -> None:
    # Two pixels of 30 and 60 after the reduction: their gradients are 60 / 3 and 30 / 3.
    a = np.repeat([[30.0], [30], [60], [60]], 2, axis=1)
    similarity = 170 / (20**2 + 170), 170 / (10**2 + 170)
    expected = (similarity[1] - similarity[0]) / 2
    assert gmsd(a, np.zeros_like(a)) == pytest.approx(expected)
    assert gmsd(a / 255, np.zeros_like(a), data_range=1) == pytest.approx(expected)


def test_gmsd_takes_odd_sizes() -> None:
    # By hand: a last row without a partner is averaged with zeros.
    a = np.repeat([[30.0], [30], [120]], 2, axis=1)
    even = np.repeat([[30.0], [30], [60], [60]], 2, axis=1)
    assert gmsd(a, 0 * a) == pytest.approx(gmsd(even, 0 * even))


def test_mdsi_grows_with_noise_and_sees_colour_alone() -> None:
    a = np.broadcast_to(natural(), (3, *natural().shape))
    assert mdsi(a, a) == 0
    assert 0 < mdsi(a, a + noise(*a.shape) / 50) < mdsi(a, a + noise(*a.shape) / 8) < 1
    # A red and a green of one luminance; grey has no colour to be wrong.
    turned = a.copy()
    turned[:2, :40] += np.array([0.2 / 0.2989, -0.2 / 0.5870])[:, None, None]
    assert mdsi(a, turned) > 0.2
    assert mdsi(a[:1], a[1:2]) == 0
    assert mdsi(a[:1], a[:1] + noise(*a[:1].shape) / 8) > 0.1


def test_mdsi_by_hand() -> None:
    # One edge of 90 levels beside black: gradients of the luminance by Prewitt, divided by 3.
    a = np.repeat(np.array([[0.0, 0, 90, 90]]), 4, axis=0)
    grey = np.repeat(a[None] / 255, 3, axis=0)

    def similarity(m: float, n: float, c: float) -> float:
        return (2 * m * n + c) / (m * m + n * n + c)

    padded = np.pad(a, 1)
    dx = sum(padded[i : i + 4, 2:] - padded[i : i + 4, :-2] for i in range(3)) / 3
    dy = sum(padded[2:, i : i + 4] - padded[:-2, i : i + 4] for i in range(3)) / 3
    slopes = np.hypot(dx, dy) * 0.9999
    values = [
        similarity(s, 0, 140) + similarity(0, s / 2, 55) - similarity(s, s / 2, 55)
        for s in slopes.flat
    ]
    chroma = 550 / ((a * -0.01) ** 2 + (a * -0.09) ** 2 + 550)
    roots = (0.6 * np.array(values) + 0.4 * chroma.ravel()).astype(complex) ** 0.25
    expected = np.abs(roots - roots.mean()).mean() ** 0.25
    assert mdsi(0 * grey, grey) == pytest.approx(expected, rel=1e-6)
    # Lost edges are not what invented ones are.
    assert mdsi(grey, 0 * grey) != pytest.approx(expected, rel=0.01)


def test_mdsi_reduces_large_images_by_means_of_blocks() -> None:
    small = natural(256, 256)[None]
    worse = small + noise(*small.shape) / 8
    large, worse_large = (np.kron(x, np.ones((1, 2, 2))) for x in (small, worse))
    fine = np.tile([[0.1, -0.1], [-0.1, 0.1]], (256, 256))
    expected = mdsi(small, worse)
    assert mdsi(large + fine, worse_large - fine) == pytest.approx(expected, rel=1e-9)


def test_lpips_that_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lpips", None)
    distance, note = load_lpips()
    assert distance is None
    assert "pip install lpips" in note


def test_lpips_without_its_weights_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(**_: object) -> None:
        raise OSError("no route")

    module = ModuleType("lpips")
    module.__dict__["LPIPS"] = offline
    monkeypatch.setitem(sys.modules, "lpips", module)
    distance, note = load_lpips()
    assert distance is None
    assert note == "LPIPS is not measured: its weights cannot be had (no route)"


def test_lpips_sees_rgb_between_minus_one_and_one(monkeypatch: pytest.MonkeyPatch) -> None:
    class Network(torch.nn.Module):
        def __init__(self, **_: object) -> None:
            super().__init__()

        def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
            assert a.shape == b.shape == (1, 3, 2, 2)
            assert (float(a.min()), float(a.max())) == (-1, 1)
            return (a - b).abs().mean().reshape(1, 1, 1, 1)

    module = ModuleType("lpips")
    module.__dict__["LPIPS"] = Network
    monkeypatch.setitem(sys.modules, "lpips", module)
    distance, note = load_lpips()
    assert distance is not None
    assert note == ""
    assert distance(np.array([[[0, 1.0], [2, -1]]]), np.full((1, 2, 2), 0.5)) == 1


def test_the_radial_spectrum_finds_a_wave() -> None:
    x = np.arange(64)
    frequencies, power = radial_spectrum(np.broadcast_to(np.sin(2 * np.pi * x / 8), (64, 64)))
    assert frequencies[power.argmax()] == 1 / 8
    assert frequencies[-1] == 0.5
    assert power[frequencies > 0.2].max() < 1e-6 * power.max()


def test_noise_of_twice_the_size_is_six_decibels_off_everywhere() -> None:
    hr = noise(48, 60)
    assert spectrum_error(2 * hr, hr) == pytest.approx((20 * np.log10(2),) * 2)
    assert spectrum_error(hr + 5, hr) == pytest.approx((0, 0), abs=1e-9)


def test_a_blur_shows_above_half_of_the_nyquist_frequency() -> None:
    hr = noise(64, 64)
    x = np.fft.fftfreq(64)
    low = np.hypot(x[:, None], x) < 0.25
    sr = np.fft.ifft2(np.fft.fft2(hr) * np.where(low, 1, 0.1)).real
    whole, high = spectrum_error(sr, hr)
    assert high == pytest.approx(20, abs=1)
    assert whole == pytest.approx(10, abs=1)


def test_the_spectrum_of_nothing_has_no_error() -> None:
    assert np.isnan(spectrum_error(noise(20, 20), np.ones((20, 20)))).all()
    whole, high = spectrum_error(np.ones((20, 20)), noise(20, 20))
    assert whole == pytest.approx(120, abs=5)
    assert high == pytest.approx(120, abs=5)


@pytest.mark.parametrize("scale", [2, 4, 8])
def test_a_grid_of_the_pixel_shuffle_stands_out(scale: int) -> None:
    hr = natural(128, 120)
    assert checkerboard(hr, hr, scale) == 0
    blurred = (hr + np.roll(hr, 1, 0) + np.roll(hr, 1, 1)) / 3
    assert checkerboard(blurred, hr, scale) < 1.5
    pattern = noise(scale, scale, seed=5)
    grid = np.tile(pattern, (128 // scale, 120 // scale))
    assert checkerboard(hr + 0.05 * grid, hr, scale) > 10


def test_a_grid_of_another_period_does_not_count() -> None:
    hr = natural(128, 128)
    y, x = np.mgrid[:128, :128]
    four = 0.06 * np.sin(np.pi * x / 2) * np.cos(np.pi * y / 2)
    assert checkerboard(hr + four, hr, 4) > 10
    assert checkerboard(hr + four, hr, 2) < 1
    stripes = 0.06 * np.cos(np.pi * x / 2)
    assert checkerboard(hr + stripes, hr, 4) > 10
    assert checkerboard(hr + stripes, hr + stripes, 4) == 0


def test_no_grid_is_sought_where_there_is_no_room_or_nothing() -> None:
    assert np.isnan(checkerboard(noise(39, 60), noise(39, 60), 8))
    assert np.isnan(checkerboard(noise(60, 60), np.ones((60, 60)), 4))
    assert checkerboard(np.ones((60, 60)), natural(60, 60), 4) <= 0


@pytest.mark.parametrize(
    ("bands", "eight_bit", "expected"),
    [(1, True, "Y"), (3, True, "Y"), (4, True, "full range"), (1, False, "full range")],
)
def test_the_convention_goes_by_depth_and_bands(bands: int, eight_bit: bool, expected: str) -> None:
    pair = Pair(np.zeros((bands, 5, 5), np.float32), np.zeros((bands, 20, 20), np.float32))
    assert convention_of(pair, eight_bit=eight_bit) == expected


def test_eight_bit_rgb_is_measured_in_studio_luma_without_the_border() -> None:
    rng = np.random.default_rng(0)
    pixels = np.round(rng.random((3, 40, 40)) * 200).astype(np.float32) / np.float32(255)
    pair = make_pair(Image(pixels, True), 4)
    sr = pixels + np.float32(10 / 255)
    sr[:, :4] = 0
    values = measure(sr, pair, 4, eight_bit=True)
    # 10 levels in R, G and B are 10 · 219 / 255 in Y.
    assert values.psnr == pytest.approx(20 * np.log10(255 / (10 * 219 / 255)), abs=1e-4)
    inner = (slice(None), slice(4, -4), slice(4, -4))
    assert values.ssim == pytest.approx(ssim(luma(sr[inner]), luma(pixels[inner])))
    assert values.drift == pytest.approx(100 * 10 / 255, abs=1e-4)


def test_deep_images_are_measured_on_the_range_of_their_hr() -> None:
    hr = (natural(40, 40)[None] * 0.5 + 0.2).astype(np.float32)
    pair = make_pair(Image(hr, False), 2)
    values = measure(hr + np.float32(0.005), pair, 2, eight_bit=False)
    assert values.psnr == pytest.approx(40, abs=1e-3)
    assert values.drift == pytest.approx(1, abs=1e-3)
    assert values.lr_psnr == pytest.approx(40, abs=1e-3)
    assert values.spectrum == pytest.approx(0, abs=1e-3)
    # 0.005 of a span of 2000 is 10; the given range is a hundred times that.
    given = measure(
        hr + np.float32(0.005), pair, 2, eight_bit=False, span=2000.0, data_range=1000.0
    )
    assert given.psnr == pytest.approx(40, abs=1e-3)
    assert given.drift == pytest.approx(1, abs=1e-3)


def test_every_band_counts_by_its_own_range() -> None:
    low, high = natural(40, 40), natural(40, 40, seed=1)
    hr = np.stack([low, 100 * high, np.ones_like(low)]).astype(np.float32)
    sr = hr + np.array([0.01, 1, 0], np.float32)[:, None, None]
    values = measure(sr, make_pair(Image(hr, False), 4), 4, eight_bit=False)
    assert values.psnr == pytest.approx(40, abs=0.01)
    assert values.drift == pytest.approx(1, abs=0.01)


def test_the_angle_is_that_of_the_stored_values() -> None:
    hr = np.stack([natural(40, 40), natural(40, 40, seed=1)]).astype(np.float32)
    low, span = np.array([5.0, 2])[:, None, None], np.array([3.0, 7])[:, None, None]
    sr = ((hr * span + low) * 2 - low) / span
    pair = make_pair(Image(hr, False), 4)
    values = measure(sr.astype(np.float32), pair, 4, eight_bit=False, low=low, span=span)
    assert values.sam == pytest.approx(0, abs=0.02)
    assert measure(sr.astype(np.float32), pair, 4, eight_bit=False).sam > 1


def test_an_image_without_contrast_has_no_measures() -> None:
    hr = np.full((1, 40, 40), 3, np.float32)
    values = measure(hr, make_pair(Image(hr, False), 4), 4, eight_bit=False)
    assert np.isnan(values.psnr)
    assert np.isnan(values.lr_psnr)
    grey = np.full((1, 40, 40), 0.2, np.float32)
    flat = measure(grey, make_pair(Image(grey, True), 4), 4, eight_bit=True)
    assert np.isnan(flat.spectrum)
    assert flat.ssim == 1


def keys(t: np.ndarray) -> np.ndarray:
    """Return Keys' kernel of a = −0.5."""
    near, far = 1.5 * t**3 - 2.5 * t**2 + 1, -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2
    return np.where(t <= 1, near, np.where(t < 2, far, 0))


def test_lr_psnr_of_repeated_pixels_by_hand() -> None:
    lr = np.zeros((1, 12, 12), np.float32)
    lr[:, :, 6:] = 0.5
    hr = lr.repeat(4, 1).repeat(4, 2)
    values = measure(hr, Pair(lr, hr), 4, eight_bit=True)
    # Each pixel is off by the weight of what lies across the edge, the same on both of its sides.
    pixels = np.arange(24, 40)
    errors = [0.5 * keys((pixels - centre) / 4).sum() / 4 for centre in (21.5, 17.5)]
    expected = 2 * np.square(errors).sum() / 12
    assert values.lr_psnr == pytest.approx(-10 * np.log10(expected), abs=0.01)


def test_lr_psnr_of_a_flat_image_is_without_end() -> None:
    lr, hr = np.full((1, 10, 10), 0.5, np.float32), np.full((1, 40, 40), 0.5, np.float32)
    assert measure(hr, Pair(lr, hr), 4, eight_bit=True).lr_psnr > 120


def test_psnr_is_what_it_says() -> None:
    a = np.zeros((20, 20))
    b = a + 5
    assert psnr(a, b) == pytest.approx(20 * np.log10(255 / 5))
    b[2:-2, 2:-2] = 0
    assert psnr(a, b, border=2) == float("inf")


def test_luma_is_studio_range() -> None:
    white, black = np.ones((3, 1, 1)), np.zeros((3, 1, 1))
    assert luma(white)[0, 0] == pytest.approx(235, abs=0.01)
    assert luma(black)[0, 0] == 16
    assert luma(np.full((1, 1, 1), 0.5))[0, 0] == 128


def test_ssim_of_constants_has_its_closed_form() -> None:
    a, b = np.full((20, 20), 100.0), np.full((20, 20), 120.0)
    c1 = (0.01 * 255) ** 2
    expected = (2 * 100 * 120 + c1) / (100**2 + 120**2 + c1)
    assert ssim(a, b) == pytest.approx(expected)
    assert ssim(a, a) == 1


def test_ssim_sees_the_window_of_the_paper() -> None:
    # By hand at the centre of an 11 × 11 image: one window fits.
    a, b = np.random.default_rng(0).random((2, 11, 11)) * 255
    t = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    w = np.outer(t, t) / t.sum() ** 2
    ma, mb = (w * a).sum(), (w * b).sum()
    va, vb = (w * a * a).sum() - ma**2, (w * b * b).sum() - mb**2
    cov = (w * a * b).sum() - ma * mb
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    expected = (2 * ma * mb + c1) * (2 * cov + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2))
    assert ssim(a, b) == pytest.approx(expected, rel=1e-3)
