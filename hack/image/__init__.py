"""The controller's image, built without a daemon and without a base image to pull: `python -m hack.image`.

Three layers, so that a change of our code moves the smallest of them: Debian's Python and what it needs, by locked
version and hash; the dependencies, by the hashes of their wheels; inplace. The same inputs give the same digest.
"""
