# TensorFlow ships no types, and the stubs that pyright brings describe an older release: they
# refuse slices with an ellipsis and take every static size for None. So its values are Any.
from typing import Any

def __getattr__(name: str) -> Any: ...
