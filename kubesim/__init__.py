"""A Kubernetes to try things in: an API server over HTTP, and models of the kubelet and the controllers beside it.

What belongs here is what a cluster has whoever uses it: the API and its rules (`api`), admission policies as objects
of that API (`api.admission`), the controllers of kube-controller-manager and the scheduler (`controllers`), nodes and
their container runtime (`kubelet`), and their composition (`cluster`). Each follows the upstream code that its
docstring names, and recorded answers of a real server hold it to that.

What does not belong here is anything of the program that is tried: its names, namespaces, accounts, labels and
policies. The caller passes them in. Of the project it uses `inplace.kube` and `inplace.runtime`, the
generic client and clock, and nothing else. Every model is an ordinary client of the API and cannot know which API
server it has (architecture, three worlds).
"""
