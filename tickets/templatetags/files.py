"""What templates say of files: their kind as an icon, and how many and how large they may be."""

from django import template
from django.conf import settings

from tickets import files
from tickets.models import Attachment

register = template.Library()


@register.filter
def file_icon(file: Attachment) -> str:
    kind, _slash, what = file.content_type.partition("/")
    if what in {"zip", "gzip", "x-7z-compressed"}:
        return "archive"
    return "file-text" if kind == "text" or what in {"pdf", "msword"} else "paperclip"


@register.simple_tag
def most_files() -> int:
    return settings.MOST_FILES


@register.simple_tag
def largest_file() -> int:
    return settings.LARGEST_FILE


@register.simple_tag
def many_files_words() -> str:
    return str(files.too_many())


@register.simple_tag
def large_file_words() -> str:
    """With {name} where the script puts the file's."""
    return str(files.too_large("{name}"))
