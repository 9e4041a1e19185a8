"""Programs that call the API."""

from tests.program import program_of

__all__ = ["program_of"]
