"""What the software relies on of Pillow's insides, which a release of it may change."""

import numpy as np
from PIL import Image

from camtrap_tf.pictures import pillow_inside


def test_memory_is_kept_for_the_next_picture():
    kept = Image.core.get_blocks_max()
    try:
        pillow_inside.reuse_memory(7)
        assert Image.core.get_blocks_max() == 7, "Image.core.set_blocks_max does nothing any more"
    finally:
        Image.core.set_blocks_max(kept)


def test_rgbx_becomes_rgb_of_the_same_pixels():
    pixels = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
    image = Image.frombuffer("RGBX", (3, 2), pixels, "raw", "RGBX", 0, 1)
    found = pillow_inside.rgb_in_place(image)
    assert found.mode == "RGB", "a Pillow image cannot be given another mode in place any more"
    np.testing.assert_array_equal(np.asarray(found), pixels[..., :3])
    # As a picture that was made as RGB, it can be resized, converted and saved.
    np.testing.assert_array_equal(
        np.asarray(found.resize((1, 1), Image.Resampling.BOX)),
        np.asarray(Image.fromarray(pixels[..., :3].copy()).resize((1, 1), Image.Resampling.BOX)),
    )
