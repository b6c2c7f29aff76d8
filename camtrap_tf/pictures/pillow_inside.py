"""The only calls of what Pillow keeps to itself, watched by `test_pillow_inside.py`.

Each saves time and changes no pixel. Should a release of Pillow change what they rely on, the
test says which, and the function can do without.
"""

from PIL import Image


def reuse_memory(blocks: int = 4) -> None:
    """Lets the memory of pictures that are done with serve the next ones.

    Asking the system for it anew, page by page, takes a tenth of the time of a picture.

    Args:
        blocks: how many of Pillow's blocks, of 16 MB, are kept.
    """
    Image.core.set_blocks_max(blocks)


def rgb_in_place(image: Image.Image) -> Image.Image:
    """An RGBX picture as RGB, without a copy: Pillow's RGB has a fourth byte to each pixel, too."""
    image.im.setmode("RGB")
    return image._new(image.im)
