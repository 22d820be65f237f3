"""Pod templates: reading them whole, their defaults, their difference, and what a difference means for a Pod.

Belongs here: template against template and against one live Pod. Does not depend on records or the state of a Pod.
"""
