"""Colours as (red, green, blue), 0 to 255."""

Colour = tuple[int, int, int]
INK = (24, 21, 20)


def shade(colour: Colour, gain: float) -> Colour:
    """Returns the colour made brighter (gain > 1) or darker (gain < 1)."""
    red, green, blue = (max(0, min(255, round(channel * gain))) for channel in colour)
    return red, green, blue


def mix(first, second, share: float) -> Colour:
    """Returns a colour between two: share 0 gives the first, 1 the second."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue
