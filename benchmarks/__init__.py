"""One script per claim of speed or size, each against a named peer or limit.

TensorFlow runs as it does under the command line.
"""

from camtrap_tf.core.startup import set_defaults

set_defaults()
