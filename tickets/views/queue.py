"""Comes with its page."""

from django.http import HttpRequest, HttpResponse


def queue(request: HttpRequest) -> HttpResponse:
    return HttpResponse(status=501)


def next_one(request: HttpRequest) -> HttpResponse:
    return HttpResponse(status=501)


def bulk(request: HttpRequest) -> HttpResponse:
    return HttpResponse(status=501)


def claim_from_list(request: HttpRequest, reference: str) -> HttpResponse:
    return HttpResponse(status=501)
