"""A program that calls the API with somebody's key and talks JSON."""

from collections.abc import Callable

import pytest
from rest_framework.test import APIClient

from accounts import api_keys
from accounts.acting import SYSTEM
from accounts.models import User


class Program(APIClient):
    """`APIClient` whose bodies are JSON unless it is told otherwise."""

    default_format = "json"


@pytest.fixture
def program_of() -> Callable[..., Program]:
    """`program_of(user, "read")`: a program with a key of somebody's; with all scopes if none is named."""

    def program(user: User | None = None, *scopes: str) -> Program:
        if user is None:
            return Program()
        raw = api_keys.issue(user, name="test", scopes=scopes or ("read", "write", "admin"), by=SYSTEM)[1]
        return Program(HTTP_X_API_KEY=raw)

    return program
