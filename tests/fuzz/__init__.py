"""Inputs that nobody would write on purpose, into whatever reads what a server, a tenant or a file says.

Whatever arrives is decoded, or refused with an error that callers expect, within bounded time and memory. An input that
did not is kept in `corpus`, so that it is tried first ever after. `python -m tests.fuzz --inputs 1000000` tries more.
"""
