"""What ACME brings to documents: its type of domain, and what it refuses."""

from polyvisor import model
from polyvisor.errors import UnsupportedConfiguration
from polyvisor.model.domain import Domain
from polyvisor.model.domaintype import DOMAIN_TYPE
from polyvisor.spi import hookimpl

CONTRIBUTIONS = (DOMAIN_TYPE.word("acme"),)
FREE = {"name", "uuid", "title", "description", "metadata", "memory", "current_memory", "vcpu"}


class DocumentHooks:
    @hookimpl
    def document_classes(self):
        return CONTRIBUTIONS

    @hookimpl
    def check_domain(self, session, config):
        """Whatever is not free has to be as a plain guest has it: ACME cannot provide it."""
        plain = model.complete("domain", Domain(type="acme", name="plain", memory=0))
        for field in Domain.fields():
            if field.attr not in FREE and getattr(config, field.attr) != getattr(plain, field.attr):
                raise UnsupportedConfiguration(f"ACME guests cannot have this <{field.xml}>")
