"""Rules that every declared operation keeps, so that whatever is made from declarations can rely on them."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import polyvisor.operations
from polyvisor import errors
from polyvisor.errors import CODES, OperationCancelled, PolyvisorError
from polyvisor.operations.catalogue import SUBJECTS, every
from polyvisor.operations.declaration import READING, STORES, Operation

OPERATIONS = list(every().values())
WITHOUT_SESSION = {"connect", "probe_uri"}
OBJECTS = {"domain": "DomainRef", "snapshot": "SnapshotRef", "checkpoint": "CheckpointRef"}
ERRORS = {name: member for name, member in vars(errors).items() if inspect.isclass(member)}


def each_operation(rule: Callable[[Operation], None]) -> Callable[[], None]:
    """A test that holds every operation to ``rule`` and names all that break it."""

    def test() -> None:
        broken = []
        for operation in OPERATIONS:
            try:
                rule(operation)
            except AssertionError as error:
                broken.append(f"{operation.name}: {error}")
        assert not broken, "\n".join(broken)

    return test


def parameters(operation: Operation) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(operation.function).parameters)


@each_operation
def test_is_documented_and_typed(operation):
    text = inspect.getdoc(operation.function)
    assert text and text.partition("\n\n")[0].rstrip().endswith((".", "..."))
    signature = inspect.signature(operation.function)
    untyped = [name for name, each in signature.parameters.items() if each.annotation is each.empty]
    assert not untyped
    assert signature.return_annotation is not signature.empty


@each_operation
def test_takes_session_then_its_object_then_options_by_keyword(operation):
    names = list(operation.arguments)
    if operation.name not in WITHOUT_SESSION:
        assert names[0] == "session"
    for name in OBJECTS.keys() & set(names):
        assert names.index(name) == 1
        assert parameters(operation)[name].annotation == OBJECTS[name]
    for name, parameter in parameters(operation).items():
        if parameter.default is not parameter.empty and name != "config":
            assert parameter.kind is parameter.KEYWORD_ONLY, f"{name} has a default but is not keyword-only"


@each_operation
def test_permissions_are_subject_and_verb(operation):
    assert operation.permission
    for permission in (*operation.permission, *operation.extra_permissions.values()):
        assert re.fullmatch(r"(connect|domain|node_device):[a-z_]+", permission)


@each_operation
def test_extra_permissions_are_about_options_and_values_that_exist(operation):
    for key in operation.extra_permissions:
        option, valued, value = key.partition("=")
        assert option in operation.options
        if valued:
            kind = type(operation.options[option])
            assert value in {member.value for member in kind}
        else:
            assert not operation.options[option], "an option that is on by default is no extra"


@each_operation
def test_what_readers_may_call_needs_no_more_than_reading(operation):
    verbs = {permission.partition(":")[2] for permission in operation.permission}
    if not operation.changes:
        assert verbs <= READING
    elif operation.on_domain:
        assert verbs - READING, "a change needs a permission that readers do not have"


@each_operation
def test_changing_the_stored_configuration_needs_the_permission_to_save(operation):
    if operation.changes and "affect" in operation.options:
        assert STORES.items() <= operation.extra_permissions.items()


@each_operation
def test_raises_errors_of_the_tree_once_each(operation):
    assert len(set(operation.raises)) == len(operation.raises)
    for error in operation.raises:
        assert CODES[error.code] is error


@each_operation
def test_every_error_the_text_names_is_declared(operation):
    words = re.findall(r"\b[A-Z]\w+\b", inspect.getdoc(operation.function) or "")
    named = {ERRORS[word] for word in words if word in ERRORS and ERRORS[word] is not PolyvisorError}
    assert named <= {*operation.raises, errors.UnsupportedOption}


@each_operation
def test_operations_on_an_object_may_find_it_gone(operation):
    gone = {"domain": errors.NoSuchDomain, "snapshot": errors.NoSuchSnapshot, "checkpoint": errors.NoSuchCheckpoint}
    if operation.arguments[1:2] and (error := gone.get(operation.arguments[1])):
        assert error in operation.raises


@each_operation
def test_long_work_can_be_cancelled(operation):
    if operation.job:
        assert OperationCancelled in operation.raises
        assert parameters(operation)["job"].default is None


@each_operation
def test_documents_may_be_given_as_text(operation):
    for argument in operation.documents:
        assert "str | bytes" in parameters(operation)[argument].annotation


@each_operation
def test_secrets_are_named(operation):
    assert operation.secrets <= parameters(operation).keys()
    assert {"password", "secret"} & parameters(operation).keys() <= operation.secrets


@each_operation
def test_has_one_name_and_no_generations(operation):
    assert re.fullmatch(r"[a-z][a-z_]*[a-z]", operation.name)
    assert not operation.name.endswith(("_flags", "_params", "_ext", "_v2"))


def test_a_capability_belongs_to_one_operation():
    owners: dict[str, list[str]] = {}
    for operation in OPERATIONS:
        owners.setdefault(operation.capability, []).append(operation.name)
    assert {capability: names for capability, names in owners.items() if len(names) > 1} == {}


def test_every_module_that_declares_operations_is_a_subject():
    folder = Path(polyvisor.operations.__file__).parent
    declaring = {
        path.stem for path in folder.glob("*.py") if re.search(r"^@operation\(", path.read_text(), re.MULTILINE)
    }
    assert declaring == set(SUBJECTS)


def test_one_subject_is_imported_without_the_others():
    script = (
        "import sys, polyvisor.operations.listing\n"
        "print(*sorted(name for name in sys.modules if name.startswith('polyvisor.operations.')))"
    )
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert not {f"polyvisor.operations.{subject}" for subject in SUBJECTS} - {"polyvisor.operations.listing"} & set(
        loaded
    )
