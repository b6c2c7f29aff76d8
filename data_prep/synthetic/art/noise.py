"""Random texture: smooth noise of the ground and the sky, grey noise of the sensor."""

import functools

import numpy as np
from PIL import Image


def fractal(rng: np.random.Generator, shape: tuple[int, int], cells: int = 3) -> np.ndarray:
    """Returns smooth noise [rows, columns] float32, about -1 to 1, over five octaves."""
    total = np.zeros(shape, np.float32)
    for octave in range(5):
        n = cells * 2**octave
        coarse = Image.fromarray(rng.uniform(-1, 1, (n, n)).astype(np.float32))
        total += (
            np.asarray(coarse.resize((shape[1], shape[0]), Image.Resampling.BICUBIC)) / 2**octave
        )
    return total / 1.5


def mirrored(tile: np.ndarray) -> np.ndarray:
    """Returns a tile twice as high and wide that repeats without a seam."""
    return np.block([[tile, tile[:, ::-1]], [tile[::-1], tile[::-1, ::-1]]])


@functools.lru_cache(maxsize=4)
def noise_pool(width: int, height: int) -> np.ndarray:
    """Returns sensor noise [height + 64, width + 64] float32 of standard deviation 1."""
    return np.random.default_rng(0).standard_normal((height + 64, width + 64), np.float32)


def add_noise(picture: Image.Image, deviation: float, rng: np.random.Generator) -> Image.Image:
    """Returns the picture with grey noise of the given standard deviation added."""
    row, column = rng.integers(0, 64, 2)
    noise = noise_pool(*picture.size)[row : row + picture.height, column : column + picture.width]
    noise = (noise * deviation).astype(np.int16)
    pixels = np.asarray(picture).astype(np.int16)
    pixels += noise[..., None] if pixels.ndim == 3 else noise
    return Image.fromarray(np.clip(pixels, 0, 255, out=pixels).astype(np.uint8))
