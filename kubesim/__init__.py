"""A Kubernetes to try things in: an API server over HTTP, and models of the kubelet and the controllers beside it.

Every model is an ordinary client of the API and cannot know which API server it has
(docs/design/architecture.md, "Worlds for the scenarios").
"""
