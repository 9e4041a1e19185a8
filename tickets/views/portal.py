"""Comes with its page."""

from django.http import HttpRequest, HttpResponse


def start(request: HttpRequest) -> HttpResponse:
    return HttpResponse(status=501)


def new(request: HttpRequest) -> HttpResponse:
    return HttpResponse(status=501)
