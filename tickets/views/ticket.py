"""The ticket page and the posts behind its buttons."""

from django.http import HttpRequest, HttpResponse


def detail(request: HttpRequest, reference: str) -> HttpResponse:
    return HttpResponse(status=501)


def history(request: HttpRequest, reference: str) -> HttpResponse:
    return HttpResponse(status=501)


def claim(request: HttpRequest, reference: str) -> HttpResponse:
    return HttpResponse(status=501)


def assign(request: HttpRequest, reference: str) -> HttpResponse:
    return HttpResponse(status=501)


def hand_over(request: HttpRequest, reference: str) -> HttpResponse:
    return HttpResponse(status=501)


def status(request: HttpRequest, reference: str) -> HttpResponse:
    return HttpResponse(status=501)


def cancel(request: HttpRequest, reference: str) -> HttpResponse:
    return HttpResponse(status=501)


def reopen(request: HttpRequest, reference: str) -> HttpResponse:
    return HttpResponse(status=501)


def edit(request: HttpRequest, reference: str) -> HttpResponse:
    return HttpResponse(status=501)


def properties(request: HttpRequest, reference: str) -> HttpResponse:
    return HttpResponse(status=501)


def comment(request: HttpRequest, reference: str) -> HttpResponse:
    return HttpResponse(status=501)


def watch(request: HttpRequest, reference: str) -> HttpResponse:
    return HttpResponse(status=501)


def unwatch(request: HttpRequest, reference: str) -> HttpResponse:
    return HttpResponse(status=501)


def delete(request: HttpRequest, reference: str) -> HttpResponse:
    return HttpResponse(status=501)
