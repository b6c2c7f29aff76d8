"""Draws the pictures of the synthetic Serengeti with NumPy and Pillow.

Nothing here is a photograph. Animals are drawn from parameters (`anatomy`), backgrounds from a
site's random generator. Every function is a pure function of its arguments and of the generator
it is given, so the same arguments give the same pixels.
"""
