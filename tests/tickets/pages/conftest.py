"""Programs that call the API beside the browsers."""

from tests.program import program_of

__all__ = ["program_of"]
