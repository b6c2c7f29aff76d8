"""Networks that were trained elsewhere: known weights, and a reader of the files they come in."""
