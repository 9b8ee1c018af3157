"""How do values become JSON in Temporal and back, without making each schema anew every time?"""

from __future__ import annotations

from functools import cache

from temporalio.contrib.pydantic import PydanticJSONPlainPayloadConverter
from temporalio.converter import (
    CompositePayloadConverter,
    DataConverter,
    DefaultPayloadConverter,
    JSONPlainPayloadConverter,
)


@cache
def _json() -> PydanticJSONPlainPayloadConverter:
    """The one that remembers the schemas of all types; safe to share between threads."""
    return PydanticJSONPlainPayloadConverter()


class SharedPayloadConverter(CompositePayloadConverter):
    """The SDK's converter for Pydantic, but one for all.

    The SDK makes a converter for every run of a workflow, and the schemas of our types, which
    take milliseconds to build, would be built for each.
    """

    def __init__(self) -> None:
        plain = DefaultPayloadConverter.default_encoding_payload_converters
        super().__init__(
            *(_json() if isinstance(c, JSONPlainPayloadConverter) else c for c in plain)
        )


DATA_CONVERTER = DataConverter(payload_converter_class=SharedPayloadConverter)
