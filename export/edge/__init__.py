"""The camera's side: NumPy, Pillow and LiteRT only; never TensorFlow, pandas or pyarrow."""
