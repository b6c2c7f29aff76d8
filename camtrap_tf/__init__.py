"""camtrap_tf: species, counts and behaviours from camera-trap pictures."""

__version__ = "0.1.0"
