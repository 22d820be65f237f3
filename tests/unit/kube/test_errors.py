"""What the server says of a refusal reaches people, but for the specs that it prints."""

from __future__ import annotations

from inplace.kube.errors import Invalid, Status, from_status


def test_the_spec_that_the_server_prints_is_left_out():
    """As Kubernetes 1.36 answers where a webhook changes more than the image (ValidatePodUpdate)."""
    fields = "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`"
    words = f'Pod "web-0" is invalid: spec: Forbidden: pod updates may not change fields other than {fields}'
    dump = '  core.PodSpec{\n  \tEnv: []core.EnvVar{{Name: "PASSWORD", Value: "hunter2"}},\n  }\n'
    error = from_status(422, Status(message=f"{words}\n{dump}", reason="Invalid"))
    assert str(error) == words
    assert "hunter2" not in error.message


def test_the_fields_that_differ_are_named_without_their_values():
    """As it answers where AlwaysPullImages changes another container's policy."""
    words = "pod updates may not change fields other than `spec.containers[*].image`"
    dump = (
        '@@ -125,7 +125,7 @@\n    "Lifecycle": null,\n-   "ImagePullPolicy": "IfNotPresent",\n'
        '+   "ImagePullPolicy": "Always",\n+   "Value": "hunter2",\n    "Stdin": false,\n'
    )
    error = from_status(422, Status(message=f"{words}\n{dump}", reason="Invalid"))
    assert str(error) == f"{words}; changed: ImagePullPolicy, Value"


def test_the_fields_that_differ_are_named_as_older_servers_print_them():
    """As Kubernetes 1.33 does: Go's syntax, with tabs and spaces that do not break."""
    words = "pod updates may not change fields other than `spec.containers[*].image`"
    dump = (
        '  core.PodSpec{\n  \tContainers: []core.Container{\n  \t\t{\n  \t\t\tImage: "hunter1",\n'
        '-\u00a0\t\t\tImagePullPolicy:          "IfNotPresent",\n+\u00a0\t\t\tImagePullPolicy:          "Always",\n'
        '-\u00a0\t\t\tEnv: []core.EnvVar{{Name: "PASSWORD", Value: "hunter2"}},\n  \t\t},\n  \t},\n  }\n'
    )
    error = from_status(422, Status(message=f"{words}\n{dump}", reason="Invalid"))
    assert str(error) == f"{words}; changed: ImagePullPolicy, Env"


def test_the_lines_of_a_webhook_are_kept():
    words = 'admission webhook "x" denied the request:\n\nrequire-labels:\n  no label'
    error = from_status(422, Status(message=words))
    assert isinstance(error, Invalid)
    assert error.message == words
