"""Drivers that are each wrong in one way, and the test of the suite that has to say so.

Each is the in-memory driver with one method spoilt. ``caught_by`` names tests of ``polyvisor.testing.conformance``
that must fail for it; they all pass for the driver it was made from.
"""

from __future__ import annotations

import time
from dataclasses import replace
from uuid import UUID, uuid4

from polyvisor.errors import InvalidState, NotFound
from polyvisor.operations.connection import Version
from polyvisor.operations.domainjobs import JobOperation
from polyvisor.spi import Affect, DomainState, EventKind, Lifecycle, StateInfo, hookimpl
from polyvisor_test import transitions
from polyvisor_test.driver import TestDriver
from polyvisor_test.machine import Machine
from polyvisor_test.nodefile import default_node
from polyvisor_test.saving import _image
from polyvisor_test.session import TestSession
from polyvisor_test.work import working

FAULTS: list[type[TestDriver]] = []


def fault(*caught_by: str):
    """Put the driver on the list; ``caught_by`` are node ids below the suite's directory."""

    def enlist(driver: type[TestDriver]) -> type[TestDriver]:
        driver.caught_by = caught_by
        FAULTS.append(driver)
        return driver

    return enlist


# -- lives ----------------------------------------------------------------------------------------------


@fault("test_lifecycle.py::test_calls_lead_from_state_to_state[start when shut off]")
class StartDoesNothing(TestDriver):
    @hookimpl
    def start(self, session, domain):
        with session.machine(domain) as machine:
            return machine.ref


@fault(
    "test_lifecycle.py::test_calls_lead_from_state_to_state[destroy when running]",
    "test_lifecycle.py::test_ids_belong_to_instances",
)
class DestroyLeavesTheGuestRunning(TestDriver):
    @hookimpl
    def destroy(self, session, domain):
        with session.machine(domain) as machine:
            machine.require_active()


@fault("test_lifecycle.py::test_calls_that_a_state_does_not_allow_change_nothing[start when running]")
class StartingTwiceIsFine(TestDriver):
    @hookimpl
    def start(self, session, domain, paused):
        with session.machine(domain) as machine:
            if machine.active:
                return machine.ref
        return super().start(session, domain, paused, False, False)


@fault("test_lifecycle.py::test_calls_lead_from_state_to_state[suspend when paused]")
class PausingTwiceIsAnError(TestDriver):
    @hookimpl
    def suspend(self, session, domain):
        with session.machine(domain) as machine:
            machine.require_active(DomainState.RUNNING)
            session.enter(machine, transitions.PAUSE)


@fault("test_lifecycle.py::test_a_guest_may_begin_paused")
class AnOptionIsTakenAndIgnored(TestDriver):
    @hookimpl
    def start(self, session, domain, paused):
        return super().start(session, domain, False, False, False)


@fault("test_lifecycle.py::test_ids_belong_to_instances", "test_lifecycle.py::test_an_old_id_finds_nobody")
class IdsAreUsedAgain(TestDriver):
    @hookimpl
    def start(self, session, domain, paused, autodestroy, force_boot):
        with session.machine(domain) as machine:
            super().start(session, domain, paused, autodestroy, force_boot)
            machine.id = machine.live.id = 7
            return machine.ref

    @hookimpl
    def lookup_domain(self, session, name, uuid, id):
        with session.node.lock:
            known = [machine for machine in session.node.machines.values() if id == 7 and machine.name != "test"]
            return known[0].ref if known else super().lookup_domain(session, name, uuid, id)


@fault("test_lifecycle.py::test_a_transient_guest_leaves_nothing")
class TransientGuestsStay(TestDriver):
    @hookimpl
    def destroy(self, session, domain):
        with session.machine(domain) as machine:
            machine.require_active()
            machine.stored = machine.stored or machine.live.copy()
            session.power_off(machine, transitions.DESTROY)


@fault("test_lifecycle.py::test_a_running_guest_survives_its_definition")
class UndefiningARunningGuestEndsIt(TestDriver):
    @hookimpl
    def undefine(self, session, domain, managed_save, snapshots_metadata, checkpoints_metadata):
        with session.machine(domain) as machine:
            if machine.active:
                session.power_off(machine, transitions.DESTROY)
        super().undefine(session, domain, managed_save, snapshots_metadata, checkpoints_metadata)


@fault("test_lifecycle.py::test_a_guest_shuts_down_when_it_is_asked")
class ShutdownOnlySaysThatItAsked(TestDriver):
    @hookimpl
    def shutdown(self, session, domain, modes):
        with session.machine(domain) as machine:
            machine.require_active(DomainState.RUNNING)


@fault(
    "test_contract.py::test_an_operation_on_the_gone_says_so[start]",
    "test_lifecycle.py::test_calls_on_the_gone_say_so[start]",
)
class TheGoneAreAnotherError(TestDriver):
    @hookimpl
    def start(self, session, domain, paused, autodestroy, force_boot):
        if domain.uuid not in session.node.machines:
            raise NotFound(f"{domain} is missing")
        return super().start(session, domain, paused, autodestroy, force_boot)


@fault("test_contract.py::test_an_operation_on_the_gone_says_so[domain_state]")
class TheGoneAreAPythonError(TestDriver):
    @hookimpl
    def domain_state(self, session, domain):
        return session.node.machines[domain.uuid].state


# -- facts ----------------------------------------------------------------------------------------------


@fault("test_lifecycle.py::test_reasons_belong_to_their_states")
class ReasonsAreMadeUp(TestDriver):
    @hookimpl
    def domain_state(self, session, domain):
        with session.machine(domain) as machine:
            return StateInfo(machine.state.state, "because")


@fault("test_listing.py::test_a_guest_that_is_off_uses_no_time")
class TimeOfGuestsThatAreOffIsMadeUp(TestDriver):
    @hookimpl
    def domain_info(self, session, domain):
        found = super().domain_info(session, domain)
        return replace(found, cpu_time_ns=found.cpu_time_ns or 0)


@fault("test_connection.py::test_the_hypervisor_has_a_version")
class TheVersionIsMadeUp(TestDriver):
    @hookimpl
    def version(self, session):
        return Version(0, 0, 0)


@fault("test_host.py::test_free_memory_is_bytes", "test_host.py::test_memory_is_the_same_whoever_tells")
class MemoryOfTheHostIsInAnotherUnit(TestDriver):
    @hookimpl
    def host_info(self, session):
        found = super().host_info(session)
        return replace(found, memory_kib=found.memory_kib // 1024)


@fault("test_listing.py::test_the_table_of_those_that_run[True]")
class AFilterIsIgnored(TestDriver):
    @hookimpl
    def list_domains(self, session, active, persistent, autostart, states, columns):
        return super().list_domains(session, None, persistent, autostart, states, columns)


@fault("test_listing.py::test_the_table_is_sorted_by_id_then_name")
class TheTableIsUnsorted(TestDriver):
    @hookimpl
    def list_domains(self, session, active, persistent, autostart, states, columns):
        return super().list_domains(session, active, persistent, autostart, states, columns)[::-1]


@fault("test_permissions.py::test_a_question_changes_nothing[running-control_info]")
class AQuestionChangesTheGuest(TestDriver):
    @hookimpl
    def control_info(self, session, domain):
        found = super().control_info(session, domain)
        with session.machine(domain) as machine:
            session.enter(machine, transitions.PAUSE)
        return found


@fault("test_connection.py::test_an_unknown_parameter_of_the_uri_is_refused")
class ParametersOfTheUriAreIgnored(TestDriver):
    @hookimpl
    def connect(self, uri, context):
        return super().connect(replace(uri, parameters=()), context)


@fault("test_concurrency.py::test_connections_see_the_same_guests_or_none_of_each_others")
class StateLeaksFromOneConnectionToAnother(TestDriver):
    def __init__(self) -> None:
        self.node = default_node()

    @hookimpl
    def connect(self, uri, context):
        return TestSession(uri, context, self.node)


# -- documents ------------------------------------------------------------------------------------------


@fault("test_documents.py::test_a_name_belongs_to_one_domain[off]")
class NamesAreGivenTwice(TestDriver):
    @hookimpl
    def define(self, session, config):
        with session.node.lock:
            uuid = UUID(str(config.uuid))
            if uuid in session.node.machines:
                return super().define(session, config)
            machine = session.node.machines[uuid] = Machine(uuid, config.name, config.copy())
            session.tell_lifecycle(machine, Lifecycle.DEFINED, "added")
            return machine.ref


@fault("test_documents.py::test_a_uuid_belongs_to_one_domain")
class AUuidIsTakenByTwo(TestDriver):
    @hookimpl
    def define(self, session, config):
        machine = session.node.machines.get(UUID(str(config.uuid)))
        if machine is not None and machine.name != config.name:
            config.uuid = str(uuid4())
        return super().define(session, config)


@fault("test_documents.py::test_redefining_leaves_a_running_guest_as_it_is")
class RedefiningChangesTheRunningGuest(TestDriver):
    @hookimpl
    def define(self, session, config):
        found = super().define(session, config)
        with session.machine(found) as machine:
            if machine.active:
                number, machine.live = machine.live.id, config.copy()
                machine.live.id = number
        return found


@fault("test_documents.py::test_redefining_replaces_what_is_stored")
class RedefiningDoesNothing(TestDriver):
    @hookimpl
    def define(self, session, config):
        machine = session.node.machines.get(UUID(str(config.uuid)))
        return machine.ref if machine is not None else super().define(session, config)


@fault("test_names.py::test_any_name_names_a_domain[unicode]", "test_names.py::test_any_name_names_a_domain[emoji]")
class UnicodeIsMangled(TestDriver):
    @hookimpl
    def define(self, session, config):
        config.name = config.name.encode("ascii", "replace").decode()
        return super().define(session, config)


@fault("test_documents.py::test_what_a_document_says_is_kept[metadata]")
class ElementsOfProgramsAreLost(TestDriver):
    @hookimpl
    def define(self, session, config):
        config.metadata = None
        return super().define(session, config)


@fault(
    "test_metadata.py::test_metadata_survives_a_life",
    "test_documents.py::test_a_running_guest_has_what_its_document_says[title]",
)
class TitlesAreLostInALife(TestDriver):
    @hookimpl
    def start(self, session, domain, paused, autodestroy, force_boot):
        with session.machine(domain) as machine:
            machine.stored.title = None
        return super().start(session, domain, paused, autodestroy, force_boot)


@fault("test_documents.py::test_a_dumped_document_is_the_callers_own")
class DocumentsAreNotCopied(TestDriver):
    @hookimpl
    def domain_config(self, session, domain, inactive, secure):
        with session.machine(domain) as machine:
            return machine.stored if inactive and machine.stored else machine.config


@fault("test_metadata.py::test_what_is_set_live_goes_with_the_instance")
class LiveChangesAreStored(TestDriver):
    @hookimpl
    def set_metadata(self, session, domain, kind, value, uri, key, affect):
        affect = Affect.BOTH if affect is Affect.LIVE else affect
        super().set_metadata(session, domain, kind, value, uri, key, affect)


@fault("test_names.py::test_a_name_that_is_taken_is_not_given_twice")
class ARenameTakesAnyName(TestDriver):
    @hookimpl
    def rename(self, session, domain, name):
        with session.machine(domain) as machine:
            machine.require_inactive()
            machine.name = machine.stored.name = name
            return machine.ref


@fault("test_autostart.py::test_it_survives_a_life[always]")
class AutostartIsForgottenInALife(TestDriver):
    @hookimpl
    def destroy(self, session, domain):
        with session.machine(domain) as machine:
            machine.autostart = False
        super().destroy(session, domain, False)


@fault("test_autostart.py::test_it_goes_with_the_domain[always]")
class AutostartOutlivesTheDomain(TestDriver):
    remembered: set[UUID]

    def __init__(self) -> None:
        self.remembered = set()

    @hookimpl
    def set_autostart(self, session, domain, enabled):
        super().set_autostart(session, domain, enabled)
        self.remembered.add(domain.uuid)

    @hookimpl
    def define(self, session, config):
        found = super().define(session, config)
        with session.machine(found) as machine:
            machine.autostart = machine.autostart or found.uuid in self.remembered
        return found


# -- events ---------------------------------------------------------------------------------------------


class Retelling(TestDriver):
    """Puts something between its sessions and those who listen."""

    @hookimpl
    def connect(self, uri, context):
        session = super().connect(uri, context)
        session.events = self.teller(session.events)
        return session

    def teller(self, tell):
        raise NotImplementedError


@fault("test_events.py::test_what_happens_is_told_in_order[a pause]")
class EventsAreOutOfOrder(Retelling):
    def teller(self, tell):
        waiting = []

        def swapped(event):
            if event.event == Lifecycle.STARTED:
                waiting.append(event)
                return
            tell(event)
            while waiting:
                tell(waiting.pop())

        return swapped


@fault("test_events.py::test_nothing_is_told_twice")
class EventsAreToldTwice(Retelling):
    def teller(self, tell):
        return lambda event: [tell(event), tell(event)]


@fault("test_events.py::test_a_definition_is_told")
class DefinitionsAreNotTold(Retelling):
    def teller(self, tell):
        return lambda event: None if event.event == Lifecycle.DEFINED else tell(event)


@fault("test_events.py::test_the_end_is_told_of_the_instance_that_ended")
class TheEndIsToldWithoutAnId(Retelling):
    def teller(self, tell):
        def anonymous(event):
            ended = event.kind is EventKind.LIFECYCLE and event.event == Lifecycle.STOPPED
            tell(replace(event, domain=replace(event.domain, id=None)) if ended else event)

        return anonymous


# -- long work, files, races ----------------------------------------------------------------------------


@fault("test_jobs.py::test_a_cancelled_job_leaves_the_guest_as_it_was[save]")
class ACancelledSaveEndsTheGuest(TestDriver):
    @hookimpl
    def save(self, session, domain, path, job, config, paused):
        try:
            super().save(session, domain, path, job, config, paused)
        finally:
            with session.machine(domain) as machine:
                if machine.active:
                    session.power_off(machine, transitions.SAVE)


@fault("test_saving.py::test_a_saved_guest_is_for_its_owner_only")
class SavedGuestsAreForEverybody(TestDriver):
    @hookimpl
    def save(self, session, domain, path, job, config, paused):
        import os

        super().save(session, domain, path, job, config, paused)
        os.chmod(path, 0o644)


@fault("test_saving.py::test_a_guest_that_cannot_be_saved_runs_on")
class AGuestThatCannotBeSavedIsLost(TestDriver):
    @hookimpl
    def save(self, session, domain, path, job, config, paused):
        from pathlib import Path

        from polyvisor_test.images import write_image

        with working(session, domain, JobOperation.SAVE, job) as machine:
            image = _image(session, machine, paused)
            session.power_off(machine, transitions.SAVE)
            write_image(Path(path), image)


@fault("test_saving.py::test_a_guest_with_a_save_is_not_forgotten_by_accident")
class ASaveIsThrownAwayInSilence(TestDriver):
    @hookimpl
    def undefine(self, session, domain, managed_save, snapshots_metadata, checkpoints_metadata):
        super().undefine(session, domain, True, snapshots_metadata, checkpoints_metadata)


@fault("test_concurrency.py::test_one_of_two_starts_a_guest")
class TwoStartsRace(TestDriver):
    @hookimpl
    def start(self, session, domain, paused, autodestroy, force_boot):
        machine = session.node.find(domain)
        if machine.active:
            raise InvalidState(f"{machine.ref} is running")
        time.sleep(0.01)  # what a hypervisor's own work would take, between looking and doing
        with session.node.lock:
            machine.live = machine.id = None
            session.power_on(machine, transitions.BOOT)
            return machine.ref


@fault("test_concurrency.py::test_one_of_two_gets_a_name")
class TwoDefinitionsRace(TestDriver):
    @hookimpl
    def define(self, session, config):
        session.node.require_free_name(config.name, UUID(str(config.uuid)))
        time.sleep(0.01)
        with session.node.lock:
            uuid = UUID(str(config.uuid))
            machine = session.node.machines.setdefault(uuid, Machine(uuid, config.name))
            machine.stored = config.copy()
            return machine.ref


@fault("test_snapshots.py::test_the_configuration_goes_back")
class GoingBackDoesNothing(TestDriver):
    @hookimpl
    def revert_snapshot(self, session, snapshot):
        with session.machine(snapshot.domain):
            return


@fault("test_consoles.py::test_a_console_that_is_not_there_is_not_opened")
class AnyConsoleIsOpened(TestDriver):
    @hookimpl
    def open_console(self, session, domain, device, force, safe, replay):
        return super().open_console(session, domain, None, force, safe, replay)


@fault("test_connection.py::test_every_hook_is_as_declared")
class AHookHasAnotherArgument(TestDriver):
    @hookimpl
    def reset(self, session, domain, harder):
        super().reset(session, domain)
