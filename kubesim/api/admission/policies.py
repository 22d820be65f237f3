"""The admission policies of a server: which are bound to a request, and what comes of it (apiserver, policy/generic).

They are objects like any other, read from the storage at every request, in the order of their names. Mutating ones
see the object as the client wants it, validating ones as it is about to be stored. Of `validationActions` only Deny
does something: there is no audit log, and warnings are discarded. Policies themselves, and what the server makes of a
`binding`, an `eviction` or a `scale`, are not subject to them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from msgspec import Struct

from kubesim.api import failure, kinds
from kubesim.api.admission import expressions, matching, mutations, params
from kubesim.api.admission.expressions import CelError, Variables
from kubesim.api.admission.matching import Attributes
from kubesim.api.kinds import Kind, Tree
from kubesim.api.registry import Place
from kubesim.api.rules import strategy, workloads
from kubesim.api.storage import Storage

_CODES: Final = {"Unauthorized": 401, "Forbidden": 403, "RequestEntityTooLarge": 413}
#: Nothing may lock itself out.
_EXEMPT: Final = frozenset({*kinds.POLICIES.keys(), *kinds.POLICIES.values()})
_LONGEST_MESSAGE: Final = 5 * 1024


class Invocation(Struct, frozen=True):
    """A policy, the binding by which it is about this request, and one parameter."""

    policy: Tree
    binding: Tree
    param: Tree | None

    @property
    def name(self) -> str:
        """The policy's."""
        return str(self.policy["metadata"]["name"])

    @property
    def bound_by(self) -> str:
        """The binding's name."""
        return str(self.binding["metadata"]["name"])

    @property
    def variables(self) -> Variables:
        """The policy's, in their order."""
        return tuple(
            (variable["name"], variable["expression"]) for variable in self.policy["spec"].get("variables") or ()
        )

    @property
    def fails_closed(self) -> bool:
        """Whether an error refuses the request."""
        return bool(self.policy["spec"].get("failurePolicy", "Fail") == "Fail")


class Policies:
    """Those of one storage, for one request."""

    def __init__(self, storage: Storage, user: str, *, dry_run: bool) -> None:
        self._storage = storage
        self._user = user
        self._dry_run = dry_run

    # --- mutating -----------------------------------------------------------------------------------------------------

    def mutate(self, place: Place, old: Tree | None, new: Tree) -> Tree:
        """The object as the mutating policies make it, complete with defaults. Raises Failure 403."""
        if not self._any(kinds.MUTATING_POLICIES, place):
            return new
        attributes = self._attributes(place, "CREATE" if old is None else "UPDATE", old)
        tree = strategy.completed(place.kind, new)
        errors: list[str] = []
        again: list[Invocation] = []
        for invocation in self._invocations(kinds.MUTATING_POLICIES, attributes, tree, errors):
            before, tree = tree, _mutated(invocation, attributes, tree, errors)
            if tree != before:
                for earlier in again:
                    tree = _mutated(earlier, attributes, tree, errors)
                again.clear()
            if invocation.policy["spec"].get("reinvocationPolicy") == "IfNeeded":
                again.append(invocation)
        if errors:
            raise _denial(place, "Invalid", 403, errors, prefixed=False)
        return tree

    # --- validating ---------------------------------------------------------------------------------------------------

    def validate(self, place: Place, old: Tree | None, new: Tree | None) -> None:
        """Let the validating policies see what is about to be stored or deleted. Raises Failure 401, 403, 413, 422."""
        if not self._any(kinds.VALIDATING_POLICIES, place):
            return
        operation = "CREATE" if old is None else "DELETE" if new is None else "UPDATE"
        old, new = _as_asked(place, old), _as_asked(place, new)
        attributes = self._attributes(place, operation, old)
        errors: list[str] = []
        for invocation in self._invocations(kinds.VALIDATING_POLICIES, attributes, new, errors):
            if "Deny" not in invocation.binding["spec"].get("validationActions", ()):
                continue
            for reason, message in _denials(invocation, attributes, new):
                names = f"'{invocation.name}' with binding '{invocation.bound_by}'"
                text = f"ValidatingAdmissionPolicy {names} denied request: {message}"
                raise _denial(place, reason, _CODES.get(reason, 422), [text], prefixed=True)
        if errors:
            raise _denial(place, "Invalid", 422, errors, prefixed=True)

    # --- selection ----------------------------------------------------------------------------------------------------

    def _any(self, kind: Kind, place: Place) -> bool:
        return bool(self._storage.table(kind).objects) and place.kind not in _EXEMPT

    def _attributes(self, place: Place, operation: str, old: Tree | None) -> Attributes:
        namespace = self._storage.get(kinds.NAMESPACES, "", place.namespace) if place.namespace else None
        tree = None if namespace is None else namespace.tree
        return Attributes(place, operation, self._user, self._dry_run, tree, old)

    def _invocations(
        self, kind: Kind, attributes: Attributes, new: Tree | None, errors: list[str]
    ) -> Iterator[Invocation]:
        """What is bound to the request; bindings that cannot be used are added to the errors."""
        bindings = self._storage.table(kinds.POLICIES[kind]).sorted(None)
        for policy in self._storage.table(kind).sorted(None):
            if not matching.matches(policy.tree["spec"].get("matchConstraints") or {}, attributes, new):
                continue
            for binding in bindings:
                spec = binding.tree["spec"]
                if spec["policyName"] != policy.name:
                    continue
                if matching.matches(spec.get("matchResources") or {}, attributes, new):
                    yield from self._with_params(Invocation(policy.tree, binding.tree, None), attributes, errors)

    def _with_params(self, invocation: Invocation, attributes: Attributes, errors: list[str]) -> Iterator[Invocation]:
        try:
            found = params.collect(self._storage, invocation.policy, invocation.binding, attributes)
        except params.ParamError as error:
            if invocation.fails_closed:
                errors.append(_error(invocation, f"failed to configure binding: {error}"))
            return
        for param in found:
            yield Invocation(invocation.policy, invocation.binding, param)


# --- one invocation ---------------------------------------------------------------------------------------------------


def _mutated(invocation: Invocation, attributes: Attributes, tree: Tree, errors: list[str]) -> Tree:
    try:
        if not _conditions_hold(invocation, _activation(invocation, attributes, tree)):
            return tree
        for mutation in invocation.policy["spec"]["mutations"]:
            activation = _activation(invocation, attributes, tree)
            changed = mutations.mutated(attributes.place.kind, mutation, tree, invocation.variables, activation)
            tree = strategy.completed(attributes.place.kind, changed)
    except CelError as error:
        if invocation.fails_closed:
            errors.append(_error(invocation, str(error)))
    return tree


def _denials(invocation: Invocation, attributes: Attributes, new: Tree | None) -> Iterator[tuple[str, str]]:
    """Reason and message of every validation that does not hold."""
    try:
        activation = _activation(invocation, attributes, new)
        if not _conditions_hold(invocation, activation):
            return
    except CelError as error:
        if invocation.fails_closed:
            yield "Invalid", str(error)
        return
    for validation in invocation.policy["spec"].get("validations") or ():
        try:
            if not expressions.compiled(validation["expression"], invocation.variables).holds(activation):
                yield validation.get("reason", "Invalid"), _message(validation, invocation.variables, activation)
        except CelError as error:
            if invocation.fails_closed:
                yield "Invalid", str(error)


def _conditions_hold(invocation: Invocation, activation: Any) -> bool:
    """Whether all matchConditions hold: a false one settles it, whatever error another has. Raises CelError."""
    problem: CelError | None = None
    for condition in invocation.policy["spec"].get("matchConditions") or ():
        try:
            if not expressions.compiled(condition["expression"]).holds(activation):
                return False
        except CelError as error:
            problem = problem or error
    if problem is not None:
        raise problem
    return True


def _message(validation: Tree, variables: Variables, activation: Any) -> str:
    """What messageExpression says, unless it fails or says nothing that fits on a line; then the message."""
    text = ""
    if validation.get("messageExpression"):
        try:
            value = expressions.compiled(validation["messageExpression"], variables)(activation)
        except CelError:
            value = None
        text = value.strip() if isinstance(value, str) else ""
        if len(text) > _LONGEST_MESSAGE or "\n" in text:
            text = ""
    text = text or (validation.get("message") or "").strip()
    return text or f"failed expression: {validation['expression'].strip()}"


# --- what expressions see ---------------------------------------------------------------------------------------------


def _activation(invocation: Invocation, attributes: Attributes, new: Tree | None) -> Any:
    return expressions.activation(
        {
            "object": new,
            "oldObject": attributes.old,
            "request": _request(attributes),
            "params": invocation.param,
            "namespaceObject": attributes.namespace,
        }
    )


def _request(attributes: Attributes) -> Tree:
    """The AdmissionRequest without its objects; empty fields are left out as they are there."""
    place, resource = attributes.place, attributes.place.kind.resource
    kind = {"group": resource.group, "version": resource.version, "kind": resource.kind}
    which = {"group": resource.group, "version": resource.version, "resource": resource.plural}
    filled = {
        "subResource": place.subresource,
        "requestSubResource": place.subresource,
        "name": place.name,
        "namespace": place.namespace,
    }
    return {
        "kind": kind,
        "resource": which,
        "requestKind": kind,
        "requestResource": which,
        "operation": attributes.operation,
        "userInfo": {"username": attributes.user, "groups": _groups(attributes.user)},
        "dryRun": attributes.dry_run,
        **{key: value for key, value in filled.items() if value},
    }


def _groups(user: str) -> list[str]:
    match user.split(":"):
        case ["system", "serviceaccount", namespace, _]:
            return ["system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"]
        case ["system", "anonymous"]:
            return ["system:unauthenticated"]
        case _:
            return ["system:authenticated"]


# --- refusals ---------------------------------------------------------------------------------------------------------


def _error(invocation: Invocation, text: str) -> str:
    return f"policy '{invocation.name}' with binding '{invocation.bound_by}' denied request: {text}"


def _as_asked(place: Place, tree: Tree | None) -> Tree | None:
    """The object in the view of the request: an Event has two, and is stored in one of them."""
    return workloads.core_event(tree) if tree is not None and place.kind is kinds.EVENTS else tree


def _denial(place: Place, reason: str, code: int, messages: list[str], *, prefixed: bool) -> failure.Failure:
    refusal = failure.forbidden(place.kind, place.name, messages[0])
    details: Tree = {**(refusal.details or {}), "causes": [{"message": message} for message in messages]}
    return failure.Failure(code, reason, refusal.message if prefixed else messages[0], details)
