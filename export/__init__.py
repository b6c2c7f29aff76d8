"""From a bundle to what others run: SavedModel for servers, TFLite for cameras."""

# Largest difference of a probability from Keras' that passes. Given the same pixels an export
# differs by about 1e-6; a graph that resizes differs from Pillow by up to one of 255 levels.
TOLERANCE = 1e-2
