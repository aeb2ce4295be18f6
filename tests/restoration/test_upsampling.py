"""Upsampling: the filter against its formula, conventions of other libraries, gradients, and the verb."""

import cv2
import naive
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from skimage import data, io, transform

import pkn
from pkn.cli import main
from pkn.filters import AnisotropicGaussian, AnisotropicUpsampling, Reblur, ReblurUpsampling
from pkn.filters.engine.borders import MODES
from pkn.nets import MapNet, apply_filter
from pkn.nets.autograd import reference
from pkn.restoration.first_stage import partly_denoised
from pkn.restoration.upsampling import SHARES, upsampling_maps

SCALES = [1, 2, 3, 1.5, 2.7, (1, 3), (2.5, 1.25), 8]
NARROW, WIDE = {"kx": 3.0, "ky": 3.0, "rho": 0.0}, {"kx": 0.6, "ky": 0.6, "rho": 0.0}


def draw_maps(generator, size):
    kx, ky = generator.uniform(0.4, 1.5, (2, *size))
    return {"kx": kx, "ky": ky, "rho": generator.uniform(-0.8, 0.8, size)}


@pytest.mark.parametrize("scale", SCALES, ids=str)
@pytest.mark.parametrize("border", MODES)
def test_agrees_with_the_naive_loop(scale, border):
    generator = np.random.default_rng(1)
    spec, image, maps = (
        AnisotropicUpsampling(2, border, scale),
        generator.random((2, 7, 9)),
        draw_maps(generator, (7, 9)),
    )
    out = spec(image, **maps, channel_axis=0)
    np.testing.assert_allclose(out, naive.upsampling(image, maps, 2, border, out.shape[1:]), rtol=0, atol=1e-12)


@pytest.mark.parametrize("scale", [2, 1.5, (1, 3)], ids=str)
@pytest.mark.parametrize("masked", [False, True], ids=["whole", "masked"])
def test_gradients_are_finite_differences(scale, masked):
    generator, step = np.random.default_rng(2), 1e-6
    spec, image = AnisotropicUpsampling(2, scale=scale), generator.random((1, 2, 13, 9))
    mask = generator.random((1, 13, 9)) > 0.2 if masked else None
    maps = spec.check_maps((), draw_maps(generator, (13, 9)), image)
    out, residuals = spec.forward(image, maps, mask)
    v_out = generator.standard_normal(out.shape)
    v_image, v_maps = spec.vjp(residuals, v_out)
    cotangents = {"image": v_image, **v_maps._asdict()}
    for name, given in {"image": image, **maps._asdict()}.items():
        toward = generator.standard_normal(given.shape)
        sides = []
        for t in (step, -step):
            moved = {"image": image, **maps._asdict(), name: given + t * toward}
            moved_image = moved.pop("image")
            sides.append(np.vdot(v_out, spec.forward(moved_image, type(maps)(**moved), mask)[0]))
        np.testing.assert_allclose(np.vdot(toward, cotangents[name]), (sides[0] - sides[1]) / (2 * step), rtol=1e-5)


@pytest.mark.parametrize("kind", [AnisotropicUpsampling, ReblurUpsampling])
def test_core_and_torch_reference_agree(kind):
    generator = np.random.default_rng(3)
    spec = kind(2, scale=(2, 1.5))
    image = torch.tensor(generator.random((2, 2, 7, 9)), requires_grad=True)
    values_of_maps = (generator.uniform(0.3, 0.9, (2, 1, 7, 9)) for _ in spec.ranges)
    maps = spec.Maps(*(torch.tensor(values, requires_grad=True) for values in values_of_maps))
    core, expected = apply_filter(spec, image, maps), reference.apply(spec, image, maps)
    torch.testing.assert_close(core, expected, rtol=1e-12, atol=1e-12)
    v_out = torch.tensor(generator.standard_normal(core.shape))
    for ours, oracle in zip(
        *(torch.autograd.grad(out, (image, *maps), v_out) for out in (core, expected)), strict=True
    ):
        torch.testing.assert_close(ours, oracle, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("scale", SCALES, ids=str)
def test_ramps_and_constants(scale):
    """A symmetric kernel around the right position leaves a ramp: half a pixel of error would show at once."""
    spec, maps = AnisotropicUpsampling(4, scale=scale), {"kx": 1.0, "ky": 1.0, "rho": 0.0}
    y, x = np.mgrid[:30, :40].astype(np.float64)
    for ramp in (x, y):
        out = spec(ramp, **maps)
        expected = transform.resize(ramp, out.shape, order=1, mode="edge", anti_aliasing=False)
        margin = np.s_[
            5 * out.shape[0] // 30 : -5 * out.shape[0] // 30, 5 * out.shape[1] // 40 : -5 * out.shape[1] // 40
        ]
        np.testing.assert_allclose(out[margin], expected[margin], rtol=0, atol=2e-3)
    flat = np.full((11, 140), 1 / 3, np.float32)
    np.testing.assert_array_equal(spec(flat, **maps), np.full(spec.out_shape(11, 140), np.float32(1 / 3)))


@pytest.mark.parametrize("scale", [2, 3, 4, 1.5], ids=str)
def test_phase_agrees_with_opencv_and_scikit_image(scale):
    """On a smooth image, borders included, all are the same to a small part of its contrast."""
    y, x = np.mgrid[:48, :60] / 48
    smooth = np.sin(5 * x + 1) * np.cos(4 * y)
    spec = AnisotropicUpsampling(4, scale=scale)
    out = spec(smooth, kx=2, ky=2, rho=0)
    size = out.shape
    theirs = cv2.resize(smooth, (size[1], size[0]), interpolation=cv2.INTER_CUBIC)
    also = transform.resize(smooth, size, order=3, mode="symmetric", anti_aliasing=False)
    shifted = np.abs(np.diff(smooth, axis=1)).max() / 2  # what half a pixel would make
    for other in (theirs, also):
        assert np.abs(out - other).max() < shifted / 3


def test_reblur_upsampling_is_one_after_the_other():
    generator = np.random.default_rng(6)
    image, maps = generator.random((12, 10)), [generator.uniform(0.3, 0.9, (12, 10)) for _ in range(9)]
    expected = AnisotropicUpsampling(2, scale=3)(Reblur(2)(image, *maps[3:]), *maps[:3])
    np.testing.assert_allclose(ReblurUpsampling(2, scale=3)(image, *maps), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", [AnisotropicUpsampling, ReblurUpsampling])
@pytest.mark.parametrize("scale", [2, (1, 2.5)], ids=str)
def test_kernel_at_gives_the_weights(kind, scale):
    generator = np.random.default_rng(7)
    spec, image = kind(2, scale=scale), generator.random((13, 12))
    maps = [generator.uniform(0.3, 0.9, (13, 12)) for _ in spec.ranges]
    out = spec(image, *maps)
    padded = naive.pad(image, spec.reach, "reflect")
    side = 2 * spec.reach + 1
    for row, col in [(0, 0), (5, 11), (-1, -2), (12, 13)]:
        weights = spec.kernel_at(image, maps, (row, col))
        at = [(p % n + 0.5) * size / n - 0.5 for p, n, size in zip((row, col), out.shape, image.shape, strict=True)]
        y, x = (int(np.floor(p + 0.5)) for p in at)
        assert weights.sum() == pytest.approx(1, abs=1e-9)
        window = padded[y : y + side, x : x + side]
        np.testing.assert_allclose((weights * window).sum(), out[row, col], rtol=0, atol=1e-9)


def test_scale_one_is_the_gaussian_filter_and_narrow_kernels_are_nearest():
    generator = np.random.default_rng(4)
    image = generator.random((20, 30))
    same = AnisotropicUpsampling(6, scale=1)(image, **NARROW)
    np.testing.assert_allclose(same, AnisotropicGaussian(6)(image, **NARROW), atol=1e-9)
    nearest = AnisotropicUpsampling(2, scale=3)(image, kx=1e6, ky=1e6, rho=0)
    np.testing.assert_allclose(nearest, np.kron(image, np.ones((3, 3))), atol=1e-12)


def test_missing_pixels_carry_no_weight():
    generator = np.random.default_rng(5)
    image, hole = generator.random((20, 30)).astype(np.float32), np.zeros((20, 30), bool)
    hole[3:14, 3:14] = True
    spec = AnisotropicUpsampling(2, scale=2)
    with_nan = spec(np.where(hole, np.nan, image), **WIDE)
    masked = spec(np.where(hole, 99, image), **WIDE, mask=~hole)
    np.testing.assert_array_equal(with_nan, masked)
    assert np.isnan(with_nan[14:20, 14:20]).all()
    assert np.isfinite(with_nan[~np.kron(hole, np.ones((2, 2), bool))]).all()
    assert np.nanmax(masked) <= 1


@pytest.mark.parametrize("scale", [0.5, 9, "2", (2, 2, 2), (2, 0), float("nan"), True])
def test_bad_scales_are_named(scale):
    with pytest.raises(ValueError, match="scale is"):
        AnisotropicUpsampling(scale=scale)


def test_verb():
    image = data.astronaut()[:40, :50]
    out = pkn.upsample(image, scale=1.5, channel_axis=-1, dtype="same")
    assert out.shape == (60, 75, 3)
    assert out.dtype == np.uint8
    moved = pkn.upsample(np.moveaxis(image, -1, 0), scale=1.5, channel_axis=0, dtype="same")
    np.testing.assert_array_equal(np.moveaxis(moved, 0, -1), out)
    torch.manual_seed(0)
    untrained = MapNet(AnisotropicUpsampling(), 1)
    assert pkn.upsample(image[..., 0], untrained, scale=(1, 2)).shape == (40, 100)
    with pytest.raises(ValueError, match="expected a network of AnisotropicUpsampling"):
        pkn.upsample(image[..., 0], "bilateral")
    with pytest.raises(ValueError, match="enlarges"):
        pkn.denoise(image[..., 0], untrained)


def test_bundled_network_beats_interpolation_on_a_noisy_photograph():
    clean = data.camera()[100:400, 100:400] / np.float32(255)
    small = clean.reshape(150, 2, 150, 2).mean((1, 3))
    noisy = small + np.float32(10 / 255) * np.random.default_rng(0).standard_normal(small.shape, np.float32)
    ours, theirs = pkn.upsample(noisy), cv2.resize(noisy, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    errors = [np.mean((out - clean) ** 2) for out in (ours, theirs)]
    assert 10 * np.log10(errors[1] / errors[0]) > 1.5


def noisy_photograph(level):
    clean = data.camera()[100:400, 100:400] / np.float32(255)
    small = clean.reshape(150, 2, 150, 2).mean((1, 3))
    return clean, small + np.float32(level / 255) * np.random.default_rng(0).standard_normal(small.shape, np.float32)


@pytest.mark.parametrize("options", [{}, {"sigma": 0.1}, {"strength": 0.5, "sigma": 0.04}], ids=str)
def test_two_steps_are_the_two_that_the_docs_name(options):
    _, noisy = noisy_photograph(20)
    given, left = partly_denoised(noisy, SHARES, **options)
    maps = upsampling_maps(given, sigma=left, strength=options.get("strength", 1.0))
    np.testing.assert_array_equal(pkn.upsample(noisy, **options), maps.apply(given))
    np.testing.assert_array_equal(pkn.upsample(noisy, denoiser=None), upsampling_maps(noisy).apply(noisy))


@pytest.mark.parametrize(("level", "gain", "loss"), [(0, 0, 0.3), (5, 0, 0.05), (25, 0.3, 0), (50, 5, 0)])
def test_best_at_every_noise_level(level, gain, loss):
    """Beside one step alone, and denoising before either bicubic interpolation or that one step."""
    clean, noisy = noisy_photograph(level)
    denoised = pkn.denoise(noisy)

    def psnr(out):
        return -10 * np.log10(np.mean((out - clean) ** 2))

    ours, one = psnr(pkn.upsample(noisy)), psnr(pkn.upsample(noisy, denoiser=None))
    bicubic = psnr(cv2.resize(denoised, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC))
    assert ours >= one + gain - loss
    assert ours >= max(bicubic, psnr(pkn.upsample(denoised, denoiser=None))) - max(loss, 0)


def test_pixels_that_are_not_finite_are_missing():
    _, noisy = noisy_photograph(25)
    results = []
    for hole in (np.nan, np.inf, -np.inf):
        image = noisy.copy()
        image[20:24, 30:33] = hole
        with np.errstate(all="raise", under="ignore"):
            results.append(pkn.upsample(image, sigma=0.1))
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])


def test_strength_0_is_the_nearest_neighbour_whatever_the_noise():
    _, noisy = noisy_photograph(25)
    np.testing.assert_allclose(pkn.upsample(noisy, strength=0), np.kron(noisy, np.ones((2, 2))), atol=1e-6)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float64])
def test_a_noise_map_and_a_mask_go_through_both_steps(kind):
    _, noisy = noisy_photograph(25)
    image = noisy if kind == np.float64 else (noisy.clip(0, 1) * np.iinfo(kind).max).astype(kind)
    mask = np.ones(image.shape, bool)
    mask[20:60, 30:50] = False
    out = pkn.upsample(image.astype(kind), sigma=np.full(image.shape, 25 / 255), mask=mask, dtype="same")
    assert out.dtype == kind
    damaged = np.where(mask, image, image.max()).astype(kind)
    again = pkn.upsample(damaged, sigma=np.full(image.shape, 25 / 255), mask=mask, dtype="same")
    np.testing.assert_array_equal(out, again)


def test_command(tmp_path):
    io.imsave(tmp_path / "in.png", data.camera()[:30, :40], check_contrast=False)
    result = CliRunner().invoke(
        main, ["upsample", str(tmp_path / "in.png"), str(tmp_path / "out.png"), "--scale", "2.5"]
    )
    assert result.exit_code == 0, result.output
    expected = pkn.upsample(data.camera()[:30, :40], scale=2.5, dtype="same")
    np.testing.assert_array_equal(io.imread(tmp_path / "out.png"), expected)
