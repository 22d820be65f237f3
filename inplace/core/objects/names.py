"""The vocabulary: every label, annotation, condition type and reason code that inplace reads or writes.

It knows no meaning beyond the words; what they do stands in `settings`, `record` and `plan`.
"""

from __future__ import annotations

from typing import Final

PREFIX: Final = "inplace.dev/"

# Labels on the workload.
MODE: Final = PREFIX + "mode"
FROZEN: Final = PREFIX + "frozen"
PHASE: Final = PREFIX + "phase"

# Annotations that we write on the workload.
STATUS: Final = PREFIX + "status"
ORIGINAL_STRATEGY: Final = PREFIX + "original-strategy"

# Annotations that we write on ReplicaSets: the templates that their Pods may have been made from, and the settings in
# force of the Deployment that owns it.
TEMPLATES: Final = PREFIX + "templates"
SETTINGS: Final = PREFIX + "settings"

# Annotation on the template of a Deployment in a dry run; never stored.
TRIAL: Final = PREFIX + "trial"

# Annotation that we write on Pods.
STATE: Final = PREFIX + "state"

# Our pull Pods: their purpose, and the image that they pull.
HELPER: Final = PREFIX + "helper"
PRE_PULL: Final = "pre-pull"
PULLED: Final = PREFIX + "pulled-image"

# Requests: annotations on the workload set by the command line or by hand.
RETRY: Final = PREFIX + "retry"
PROMOTE: Final = PREFIX + "promote"
REQUESTS: Final = (RETRY, PROMOTE)

#: Annotation of a Pod template: which containers are to start again, as `kubectl rollout restart` asks for all.
RESTART: Final = PREFIX + "restart"

#: The readiness gate and its condition. Kruise's name, so that templates written for Kruise work here.
GATE: Final = "InPlaceUpdateReady"

#: StatefulSet: the revision's name; DaemonSet: its bare hash (docs/design/kubernetes.md §4.1, §5).
REVISION_LABEL: Final = "controller-revision-hash"
#: DaemonSet: counts the changes of its template, as an annotation there and as a label on Pods
#: (docs/design/kubernetes.md §5).
TEMPLATE_GENERATION: Final = "deprecated.daemonset.template.generation"
TEMPLATE_GENERATION_LABEL: Final = "pod-template-generation"
#: Deployment: which ReplicaSet a Pod belongs to; in that ReplicaSet's selector, so it never changes on a Pod.
TEMPLATE_HASH_LABEL: Final = "pod-template-hash"
#: Deployment: the number of a ReplicaSet in `kubectl rollout history`.
DEPLOYMENT_REVISION: Final = "deployment.kubernetes.io/revision"

#: `kubectl rollout restart` writes this annotation into the Pod template.
RESTARTED_AT: Final = "kubectl.kubernetes.io/restartedAt"

MIRROR_ANNOTATION: Final = "kubernetes.io/config.mirror"

#: A StatefulSet with this partition never replaces a Pod because of its template (docs/design/kubernetes.md §4.5).
FROZEN_PARTITION: Final = 2147483647

#: The Lease of whoever leads, in the namespace of the controller.
LEASE: Final = "inplace-controller"
# Annotation on it: what the controller that leads says of itself.
ABOUT: Final = PREFIX + "about"

FIELD_MANAGER: Final = "inplace"
CONTROLLER_NAME: Final = PREFIX + "controller"
