"""Decoding and resizing: TensorFlow ops and their Pillow counterpart hold together."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from camtrap_tf.core.config import Fit, InputSpec, Normalisation, PictureSpec
from camtrap_tf.pictures import crops, files
from camtrap_tf.pictures import graph as images
from tests import odd_pictures


def smooth(height: int, width: int) -> np.ndarray:
    """A picture with soft structure, as photographs have."""
    rows, columns = np.mgrid[0:height, 0:width] / max(height, width)
    waves = [np.sin(9 * rows + 5 * k) * np.cos(11 * columns - 3 * k) for k in range(3)]
    return (127 + 120 * np.stack(waves, axis=-1)).astype(np.uint8)


def encoded(pixels: np.ndarray, form: str, **options) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form, **options)
    return buffer.getvalue()


SHAPES = [(64, 64), (480, 640), (1536, 2048), (50, 40), (65, 1000), (1537, 2049), (520, 515)]


@pytest.mark.parametrize("fit", Fit)
@pytest.mark.parametrize("form", ["JPEG", "PNG", "BMP"])
@pytest.mark.parametrize("shape", SHAPES)
def test_graph_and_file_reader_agree(form, shape, fit):
    spec = PictureSpec(size=64, bar_share=100 / 1536, fit=fit)
    content = encoded(smooth(*shape), form)
    ours = files.read(content, spec).pixels.astype(int)
    graph = tf.function(lambda one: images.decode(one, spec))
    theirs = graph(tf.constant(content)).numpy().astype(int)
    assert theirs.shape == (64, 64, 3)
    assert np.abs(ours - theirs).max() <= 1
    assert np.abs(ours - theirs).mean() < 0.04  # near halves float32 may fall the other way


BOXES = np.float32([
    [0.4, 0.3, 0.2, 0.3],
    [0.0, 0.0, 0.05, 0.02],  # moved inside from two corners
    [0.97, 0.9, 0.03, 0.1],
    [0.613, 0.0, 0.101, 1.0],  # as large as the picture is
    [0.3, 0.85, 0.1, 0.1],  # reaches into the bar
    [np.nan] * 4,
])  # fmt: skip


@pytest.mark.parametrize("spec", [
    PictureSpec(size=64, crops=True),
    PictureSpec(size=64, crops=True, bar_share=100 / 1536, fit=Fit.PAD),
    PictureSpec(size=64, crops=True, bar_share=0.12, detect_bar=True, fit=Fit.SHORTEST),
])  # fmt: skip
def test_parts_around_boxes_are_cut_from_files_alike(spec):
    decode = tf.function(lambda one, box: images.decode_part(one, box, spec))
    for shape, form in (
        *((shape, "JPEG") for shape in SHAPES), ((480, 640), "PNG"), ((481, 515), "BMP")
    ):  # fmt: skip
        pixels = barred(*shape, shape[0] // 16, 255) if spec.detect_bar else smooth(*shape)
        content = encoded(pixels, form)
        upright = images.decode_whole(tf.constant(content))
        for box in BOXES:
            ours = crops.sharp(content, spec, box).astype(int)
            theirs = decode(tf.constant(content), tf.constant(box)).numpy()
            assert np.abs(ours - theirs).max() <= 1, (shape, form, box)
            assert np.abs(ours - theirs).mean() < 0.04
            if form != "JPEG":  # which is decoded at a smaller scale
                np.testing.assert_array_equal(images.to_part(upright, box, spec), theirs)


def test_a_part_without_a_box_is_the_square():
    spec, content = PictureSpec(size=64, bar_share=0.1), encoded(smooth(300, 401), "JPEG")
    whole = images.decode(tf.constant(content), spec).numpy()
    for box in (np.zeros(4, np.float32), np.full(4, np.nan, np.float32)):
        found = images.decode_part(tf.constant(content), tf.constant(box), spec)
        np.testing.assert_array_equal(found, whole)


def test_a_part_that_rounding_carries_over_the_edge():
    # The right half of 3 columns: 1.5, the first of them and how many, becomes 2 both times.
    pixels = np.full((3, 3, 3), 200, np.uint8)
    spec, box = PictureSpec(size=8, crops=True), np.float32([0.6, 0.6, 0.4166667, 0.4])
    ours = crops.sharp(encoded(pixels, "PNG"), spec, box)
    theirs = images.to_part(tf.constant(pixels), tf.constant(box), spec).numpy()
    assert ours.min() == 0
    assert np.abs(ours.astype(int) - theirs).max() <= 1


def test_a_stored_square_passes_unchanged():
    spec = PictureSpec(size=64)
    content = encoded(smooth(64, 64), "JPEG", quality=90)
    np.testing.assert_array_equal(
        files.read(content, spec).pixels,
        images.decode_stored(tf.constant(content), spec).numpy(),
    )


@pytest.mark.parametrize("corner", [(0, 0), (16, 16), (3, 9), (24, 1), (7, 24)])
def test_a_decoded_window_has_the_pixels_of_the_whole(corner):
    content = tf.constant(files.encode_jpeg(smooth(64, 64), 95))
    whole = images.decode_stored(content, PictureSpec(size=64)).numpy()
    (top, left), window = corner, tf.constant([*corner, 40, 40])
    for spec in (PictureSpec(size=64), PictureSpec(size=64, keep_original=True)):
        found = images.decode_window(content, window, spec)
        np.testing.assert_array_equal(found, whole[top : top + 40, left : left + 40])


def test_the_bar_is_cut_before_resizing():
    pixels = np.zeros((1536, 2048, 3), np.uint8)
    pixels[-100:] = 255
    spec = PictureSpec(size=32, bar_share=100 / 1536)
    assert files.bar_rows(1536, spec) == 100
    assert files.read(encoded(pixels, "PNG"), spec).pixels.max() == 0
    assert images.decode(tf.constant(encoded(pixels, "PNG")), spec).numpy().max() == 0


def barred(height: int, width: int, rows: int, colour: int) -> np.ndarray:
    """A soft picture with a bar of `rows` at the bottom, a fifth of it letters."""
    pixels = np.clip(smooth(height, width), 60, 190)
    pixels[height - rows :] = colour
    pixels[height - rows + rows // 4 : height - rows // 4, : 2 * width // 5] = 255 - colour
    return pixels


@pytest.mark.parametrize(
    ("height", "rows", "colour", "cut"),
    [
        (768, 48, 255, 49),  # the bar and the row above, which scaling may have mixed
        (768, 48, 0, 49),
        (768, 0, 0, 0),
        (768, 200, 0, 0),  # more than the most that may be cut: no bar but a dark ground
    ],
)
def test_a_bar_is_detected_alike_in_files_and_graphs(height, rows, colour, cut):
    spec = PictureSpec(size=64, bar_share=0.12, detect_bar=True)
    pixels = barred(height, 500, rows, colour) if rows else np.clip(smooth(height, 500), 60, 190)
    assert files._bar(Image.fromarray(pixels), spec) == cut
    assert images._bar(tf.constant(pixels), spec) == cut
    content = encoded(pixels, "PNG")
    ours, theirs = files.read(content, spec).pixels, images.decode(tf.constant(content), spec)
    assert np.abs(ours.astype(int) - theirs.numpy()).max() <= 2
    if cut:
        assert 55 <= ours.min() <= ours.max() <= 195


def test_the_bar_of_season_one_is_found(shared_data):
    for path in sorted((shared_data / "serengeti" / "burst").glob("*.jpeg")):
        with Image.open(path) as image:
            found = files._bar(image.convert("RGB"), PictureSpec(bar_share=0.12, detect_bar=True))
        assert 95 <= found <= 102


def test_fits():
    wide = np.zeros((40, 80, 3), np.uint8)
    wide[:, 20:60] = 200  # the middle square
    content = encoded(wide, "PNG")
    padded = files.read(content, PictureSpec(size=20, fit=Fit.PAD)).pixels
    assert padded[:5].max() == padded[15:].max() == 0
    assert padded[5:15, 6:14].min() == 200
    assert files.read(content, PictureSpec(size=20, fit=Fit.SHORTEST)).pixels.min() == 200
    assert files.padded_shape(3, 1000, 256) == (1, 256)
    assert files.decode_scale(1536, 2048, PictureSpec(size=256, fit=Fit.PAD)) == 8


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("shape", [(1536, 2048), (1537, 2049), (700, 333)])
def test_both_jpeg_decoders_give_the_same_pixels(shape, subsampling, monkeypatch):
    pytest.importorskip("simplejpeg")
    content = encoded(smooth(*shape), "JPEG", quality=90, subsampling=subsampling)
    for size in (32, 64, 128, 256):
        monkeypatch.undo()
        fast = files.read(content, PictureSpec(size=size)).pixels
        monkeypatch.setattr(files, "simplejpeg", None)
        np.testing.assert_array_equal(fast, files.read(content, PictureSpec(size=size)).pixels)


def told(content: bytes, spec: PictureSpec) -> list:
    """All that a file tells, or why it cannot be read."""
    try:
        picture = files.read(content, spec)
    except files.PictureError as error:
        return [str(error)]
    return [picture.pixels.tolist(), *(getattr(picture, name) for name in FACTS)]


def test_suffixes_of_jpegs(tmp_path):
    for name in ("a.JPE", "b.jfif", "c.Jpg", "d.jpx"):
        (tmp_path / name).write_bytes(b"")
    assert list(files.find(tmp_path)) == ["a.JPE", "b.jfif", "c.Jpg"]


@pytest.mark.parametrize("most", [1, 255, 65_535])
def test_a_tiff_of_fractions_counts_up_to_its_largest(most):
    grey = odd_pictures.grey()
    values = Image.fromarray((grey / np.float32(255) * np.float32(most)).astype(np.float32))
    content = odd_pictures.saved(values, "TIFF")
    spec = PictureSpec(size=40)
    expected = files.read(odd_pictures.saved(grey, "PNG"), spec).pixels
    assert np.abs(files.read(content, spec).pixels.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("most", [255, 65_535])
def test_a_tiff_of_32_bits_counts_up_to_its_largest(most):
    grey = odd_pictures.grey()
    content = odd_pictures.saved(Image.fromarray(grey.astype(np.int32) * (most // 255)), "TIFF")
    spec = PictureSpec(size=40)
    expected = files.read(odd_pictures.saved(grey, "PNG"), spec).pixels
    assert np.abs(files.read(content, spec).pixels.astype(int) - expected).max() <= 1


FACTS = ("width", "height", "facts")


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data:UserWarning")
def test_odd_pictures_tell_the_same_without_the_fast_decoder(monkeypatch):
    pytest.importorskip("simplejpeg")
    contents = {kind.name: kind.make() for kind in odd_pictures.KINDS if kind.make}
    spec = PictureSpec(size=40)
    fast = {name: told(content, spec) for name, content in contents.items()}
    monkeypatch.setattr(files, "simplejpeg", None)
    assert fast == {name: told(content, spec) for name, content in contents.items()}


def xmp_turned() -> bytes:
    """A JPEG turned by XMP, where EXIF says nothing of it."""
    exif = Image.Exif()
    exif[0x010F] = "maker"
    xmp = b'<rdf:Description tiff:Orientation="6"/>'
    return encoded(smooth(40, 80), "JPEG", exif=exif, xmp=xmp)


def test_headers_are_read_alike_with_and_without_pillow(monkeypatch):
    pytest.importorskip("simplejpeg")
    exif = Image.Exif()
    exif.update({0x010F: "maker", 0x0112: 8, 0x010E: "M 2/3", 0x0132: "2012:05:08 19:23:36"})
    common = encoded(smooth(40, 80), "JPEG", exif=exif, comment=b"one", progressive=True)
    double = io.BytesIO()
    Image.fromarray(smooth(40, 80)).save(
        double, "MPO", save_all=True, append_images=[Image.fromarray(smooth(20, 40))]
    )
    grey = encoded(smooth(40, 80)[..., 0], "JPEG")
    profile = encoded(smooth(40, 80), "JPEG", icc_profile=b"profile")
    rare = (xmp_turned(), double.getvalue(), grey, profile)
    assert files._common_jpeg(common)[0] == (80, 40)
    assert [files._common_jpeg(content) for content in rare] == [None] * len(rare)
    assert files.glance(common).facts.camera == "maker"
    for content in (common, *rare):
        monkeypatch.undo()
        fast = told(content, PictureSpec(size=16))
        monkeypatch.setattr(files, "simplejpeg", None)
        assert fast == told(content, PictureSpec(size=16))
    assert told(common, PictureSpec(size=16))[1:3] == [40, 80]
    assert told(rare[0], PictureSpec(size=16))[1:3] == [40, 80]


def test_scaled_decoding_never_falls_below_the_square():
    spec = PictureSpec(size=256)
    assert files.decode_scale(1536, 2048, spec) == 4  # 1536 / 4 = 384, / 8 = 192
    assert files.decode_scale(2048, 4096, spec) == 8
    assert files.decode_scale(511, 2048, spec) == 1


def test_normalisation_by_data_set_and_by_picture():
    pixels = np.full((2, 2, 3), 110, np.uint8)
    spec = InputSpec(2, Normalisation.DATASET, (100.0, 90.0, 110.0), (10.0, 20.0, 5.0))
    np.testing.assert_allclose(images.normalise(pixels, spec)[0, 0], [1.0, 1.0, 0.0])
    by_picture = InputSpec(32, Normalisation.IMAGE)
    values = images.normalise(tf.constant(smooth(32, 32)), by_picture).numpy()
    assert abs(values.mean()) < 1e-5
    assert abs(values.std() - 1) < 1e-4


def test_why_a_picture_cannot_be_read(tmp_path):
    whole = encoded(smooth(64, 64), "JPEG")
    spec = PictureSpec(size=32)
    for content, reason in (
        (b"", "empty file"),
        (b"no picture at all", "not a picture"),
        (whole[: len(whole) // 2], "damaged: "),
    ):
        with pytest.raises(files.PictureError, match=reason):
            files.read(content, spec)
    with pytest.raises(files.PictureError, match="no such file"):
        files.read(tmp_path / "absent.jpg", spec)


def test_modes_other_than_rgb_are_read():
    spec = PictureSpec(size=8)
    grey = Image.fromarray(np.full((16, 16), 77, np.uint8))
    deep = Image.fromarray(np.full((16, 16), 77 * 256, np.uint16))
    for image, form in ((grey, "JPEG"), (grey.convert("CMYK"), "JPEG"), (deep, "PNG")):
        buffer = io.BytesIO()
        image.save(buffer, form)
        assert np.abs(files.read(buffer.getvalue(), spec).pixels.astype(int) - 77).max() <= 2


def test_exif_rotation_and_time():
    image = Image.fromarray(smooth(40, 80))
    exif = image.getexif()
    exif[0x0112] = 6  # the camera was turned: show it rotated by 90 degrees
    exif.get_ifd(0x8769)[0x9003] = "2012:05:08 19:23:36\0"
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", exif=exif)
    picture = files.read(buffer.getvalue(), PictureSpec(size=16))
    assert picture.facts.taken.isoformat() == "2012-05-08T19:23:36"
    turned = files.read(encoded(np.rot90(smooth(40, 80), -1), "JPEG"), PictureSpec(size=16))
    assert np.abs(picture.pixels.astype(int) - turned.pixels).mean() < 3
