"""Build hook: the core asks for exactly its own version of the schemas, without the version being written twice."""

from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

RUNTIME = ("click>=8.1", "lxml>=4.9", "pluggy>=1.0")


class SameVersionOfSchemas(MetadataHookInterface):
    """Fills in ``project.dependencies``."""

    def update(self, metadata: dict[str, Any]) -> None:
        metadata["dependencies"] = [*RUNTIME, f"polyvisor-schemas=={metadata['version']}"]
