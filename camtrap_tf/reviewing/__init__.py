"""Review: people answer what the model is unsure of, in a page of their own browser.

`queue` orders the events, `answers` keeps, reads and merges what people say, `session` is one
person's work on a queue, `server` shows it as a web page. None needs TensorFlow.
"""
