"""A page by parts is the page at once, bit for bit; and what is said of its pixels."""

import asyncio
import base64

import numpy as np
import pytest
from viewing import noisy

import pkn
from pkn.io.images import ImageFile, write_image
from pkn.view.blocks import BLOCK, Area, Kept, blocks_of, pieces
from pkn.view.denoised_page import DENOISED, MAPS, DenoisedPage
from pkn.view.display import Screen, shrunk
from pkn.view.pixel import pixel_steps
from pkn.view.session import Session
from pkn.view.turns import EXPORT, PICTURE, Turns


def with_holes(image):
    floats = image / np.float32(255)
    floats[40:60, 200:300] = np.nan
    return floats


def mask_of(image):
    mask = np.ones(image.shape[:2], bool)
    mask[100:180, 220:280] = False
    return mask


GREY, RGB = noisy(301, 523, 1), noisy(263, 517, 3)
CASES = {
    "grey": (GREY, None, 1.0),
    "rgb": (RGB, None, 1.0),
    "rgb16": (RGB.astype(np.uint16) * 257, None, (0.5, 1.5)),
    "counts": (10.0 * GREY + 1e4, None, 1.7),
    "alpha": (RGB, mask_of(RGB), 1.0),
    "holes": (with_holes(GREY), None, 1.0),
    "masked counts": (GREY.astype(np.int32), mask_of(GREY), 0.5),
}


@pytest.mark.parametrize("case", CASES)
def test_parts_are_those_of_the_whole(case):
    pixels, mask, strength = CASES[case]
    page = DenoisedPage(pixels, mask)
    whole = pkn.denoise(pixels, strength=strength, channel_axis=page.channel_axis, mask=mask, dtype="same")
    if mask is not None:
        whole[~mask] = pixels[~mask]
    blocks = blocks_of(Area(0, 0, *page.size))
    for piece in pieces(page.missing(DENOISED, blocks, strength), first=1, later=2):
        page.compute(DENOISED, piece, strength)
    assert not page.missing(DENOISED, blocks, strength).any()
    given = page.denoised(Area(0, 0, *page.size), strength)
    np.testing.assert_array_equal(given, whole)
    assert given.dtype == whole.dtype
    inner = Area(250, 130, 262, 300)
    np.testing.assert_array_equal(page.denoised(inner, strength), whole[inner.tile])


@pytest.mark.parametrize("net", ["bilateral", "any-noise"])
def test_maps_are_those_of_the_whole(net):
    page, whole = DenoisedPage(GREY, net=net), pkn.predict_maps(GREY, net)
    part = Area(128, 256, 192, 320)
    wide = page.widened(part, 8)
    maps = page.maps(wide, 1.0)
    for name in whole:
        scale = -(-GREY.shape[0] // whole[name].shape[-2])
        rows, columns = (slice(side.start // scale, side.stop // scale) for side in part.tile)
        begin = wide.top // scale, wide.left // scale
        inner = maps[name][..., rows.start - begin[0] : rows.stop - begin[0], :]
        inner = inner[..., columns.start - begin[1] : columns.stop - begin[1]]
        np.testing.assert_array_equal(inner, whole[name][..., rows, columns])


def test_readable_maps_are_those_of_the_whole():
    page, whole = DenoisedPage(GREY), pkn.predict_maps(GREY).readable(GREY)
    found = dict(zip(whole, page.values(MAPS, Area(200, 200, 280, 300), 1.0), strict=True))
    for name in whole:
        np.testing.assert_allclose(found[name], whole[name].values[200:280, 200:300], rtol=1e-3, atol=1e-3)


def test_pieces_cover_what_is_missing_once_and_begin_in_the_middle():
    missing = np.random.default_rng(0).random((7, 9)) < 0.7
    covered = np.zeros(missing.shape, int)
    found = list(pieces(missing))
    for piece in found:
        covered[piece.tile] += 1
        assert 0 < piece.size <= 8
    np.testing.assert_array_equal(covered, missing)
    assert abs(found[0].top - 3) <= 1
    assert abs(found[0].left - 4) <= 1
    assert not list(pieces(np.zeros((2, 2), bool)))


def test_what_is_kept_stays_within_its_limit():
    kept = Kept(100)
    for number in range(50):
        kept.put(number, [np.zeros(10, np.uint8)])
        assert kept.get(0) is not None  # what is asked for is kept
    assert sum(number in kept for number in range(50)) == 10


def test_levels_are_means():
    plane = np.random.default_rng(0).random((64, 96)).astype(np.float32)
    np.testing.assert_allclose(shrunk(plane, 3), plane.reshape(8, 8, 12, 8).mean((1, 3)), rtol=1e-5)
    assert shrunk(plane[:61, :90], 3).shape == (8, 12)


def test_screens_show_counts_stretched_and_photographs_as_they_are():
    counts, photo = Screen(GREY[None].astype(np.int16) + 1000), Screen(RGB.transpose(2, 0, 1))
    assert (counts.stretches, counts.has_range) == (True, False)
    assert (photo.stretches, photo.has_range) == (False, True)
    np.testing.assert_array_equal(photo.rgba(photo.planes, stretched=False)[..., :3], RGB)
    assert np.ptp(counts.rgba(counts.planes, stretched=False)[..., 0]) == 255


def test_pixels_are_explained_step_by_step():
    page, at = DenoisedPage(RGB), (120, 301)
    first, why, sure, certificate = pixel_steps(page, at, (1.0, 0.5))
    shown = page.denoised(Area(120, 301, 121, 302), (1.0, 0.5))[0, 0]
    assert first["before"] == RGB[at].tolist()
    assert np.abs(np.array(first["after"]) - shown).max() <= 0.501
    assert [kernel["name"] for kernel in first["kernels"]] == ["luma", "chroma"]
    for kernel in first["kernels"]:
        weights = np.frombuffer(base64.b64decode(kernel["weights"]), "<f4")
        assert weights.size == kernel["side"] ** 2
        assert weights.sum() == pytest.approx(1, abs=1e-4)
    assert sum(first["levels"]["luma"]) == pytest.approx(1, abs=1e-4)
    assert why["decisive"] in page.network.filter.ranges
    low, after, high = np.array(sure["low"]), np.array(first["after"]), np.array(sure["high"])
    assert (low < high).all()
    assert np.abs((low + high) / 2 - after).max() < 5  # of 255: the part's own contrast changes little
    assert certificate["holds"]
    assert certificate["certificate"][0].startswith("every value lies between")


def test_pixels_without_weight_are_said_to_be():
    (only,) = pixel_steps(DenoisedPage(RGB, mask_of(RGB)), (120, 250), 1.0)
    assert only["skipped"]
    assert only["before"] == only["after"] == RGB[120, 250].tolist()
    first = next(pixel_steps(DenoisedPage(RGB, mask_of(RGB)), (120, 200), 1.0))
    assert len(first["kernels"]) == 2


def test_sessions_name_what_they_cannot_open(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"a\.png.*as an image"):
        Session([tmp_path / "a.png"])
    with pytest.raises(ValueError, match="at least one"):
        Session([])
    write_image(tmp_path / "b.tif", ImageFile((GREY, GREY)))
    session = Session([tmp_path / "b.tif"])
    assert session.about(0, 1)["pages"] == 2
    with pytest.raises(ValueError, match="page is 2; expected less than 2"):
        session.about(0, 2)
    with pytest.raises(ValueError, match="more than max_pixels"):
        Session([tmp_path / "b.tif"], max_pixels=100).page(0, 0)


def test_who_went_away_gets_no_turn():
    async def scene():
        turns, said = Turns(), []

        async def ask(name, urgency):
            async with turns.turn(urgency):
                said.append(name)
                await asyncio.sleep(0.01)

        tasks = [asyncio.create_task(ask(*each)) for each in [("a", PICTURE), ("b", PICTURE), ("c", EXPORT)]]
        await asyncio.sleep(0)
        tasks[1].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await ask("d", EXPORT)
        return said

    assert asyncio.run(scene()) == ["a", "c", "d"]


def test_blocks_are_multiples_of_alignments():
    assert BLOCK == 256
    assert blocks_of(Area(0, 255, 256, 513)) == Area(0, 0, 1, 3)
