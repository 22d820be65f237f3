"""The pure core: decides everything and does nothing. No I/O, no clock, no logging; time comes in as a parameter.

Ten packages on eight floors, which import-linter holds:

    views > plan > rollout > kinds | pod > actions > template > settings | state > objects
"""
