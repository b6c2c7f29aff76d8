"""From a bundle to what others run: SavedModel for servers, TFLite for cameras."""
