"""Django's mail with headers that are parsed and folded once: what many are told together they have in common.

The email library makes a tree of every header and folds it anew for every mail, which takes longer than all the rest
of a mail put together (benchmarks/deliveries.py).
"""

import email.policy
from email.headerregistry import BaseHeader, HeaderRegistry
from email.message import EmailMessage
from functools import cache, lru_cache

from django.core.mail import EmailMultiAlternatives

# Of a mail a handful of headers are its own, so this is what some dozen mails have.
REMEMBERED = 512

_registry = HeaderRegistry()
_kind = cache(_registry.__getitem__)


@lru_cache(maxsize=REMEMBERED)
def _header(name: str, value: object) -> BaseHeader:
    # A header is a str that nothing changes once it is made, and tells its name in the letters it was given in.
    return _registry(name, value)


class _Headers:
    """A HeaderRegistry, as far as a policy asks one."""

    def __getitem__(self, name: str) -> type[BaseHeader]:
        return _kind(name.lower())

    def __call__(self, name: str, value: object) -> BaseHeader:
        return _header(name, value) if isinstance(value, str) else _registry(name, value)


class _Policy(email.policy.EmailPolicy):
    def fold_binary(self, name: str, value: str) -> bytes:
        return _folded(name, value) if isinstance(value, BaseHeader) else super().fold_binary(name, value)


POLICY = _Policy(linesep="\r\n", header_factory=_Headers())


@lru_cache(maxsize=REMEMBERED)
def _folded(name: str, value: BaseHeader) -> bytes:
    return email.policy.EmailPolicy.fold_binary(POLICY, name, value)


class Mail(EmailMultiAlternatives):
    def message(self, *, policy: object = None) -> EmailMessage:
        """As Django makes it for SMTP, whoever asks."""
        return super().message(policy=POLICY)
