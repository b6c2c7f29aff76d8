"""From a bundle to what others run: SavedModel for servers, TFLite for cameras.

Light to import: `export.edge` runs on a camera's computer, without TensorFlow.
"""

AUTOMATIC, HUMAN = "automatic", "ask a human"  # what becomes of an answer
# Probability from which an answer is taken without a human, where nothing else is chosen.
AUTOMATIC_AT = 0.9
TOP = 5  # species listed in an answer
