"""Tools of the developers, as Kubernetes calls them: what starts clusters, measures, makes tables and injects defects.

Nothing here is a test, and nothing here is in the product; tests may use it, `inplace` and `kubesim` may not.
"""
