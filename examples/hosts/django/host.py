"""A host on Django, in one file: its own sessions in a signed cookie, and a view for those who have paid."""

import functools
import json
import os
import pathlib
import secrets
import sys
import time
import urllib.parse
import urllib.request

from django.conf import settings
from django.core.management import execute_from_command_line
from django.http import HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import path
from django.views.static import serve

PAGE = os.environ.get("PAGE", str(pathlib.Path(__file__).parent.parent / "page"))
settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    SECRET_KEY=os.environ.get("SESSION_SECRET", secrets.token_hex()),
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
    MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware"],
)


# tierlift
def tierlift(route, body=None):
    """The answer of tierlift, and the status for the host's own."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"authorization": f"Bearer {os.environ['TIERLIFT_SERVICE_TOKEN']}"}
    request = urllib.request.Request(os.environ["TIERLIFT_URL"] + route, data, headers)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return json.load(answer), 200
    except OSError as refusal:
        # With 409 this sign-in is too old, or was revoked.
        return {}, 401 if getattr(refusal, "code", 0) == 409 else 503


def feature_required(feature):
    """Lets those pass who have this feature now, whatever they had when they signed in."""

    def decorate(view):
        @functools.wraps(view)
        def guarded(request):
            user = urllib.parse.quote(request.session["user"], safe="")
            user, status = tierlift(f"/v1/users/{user}?authTime={request.session['at']}")
            if status == 200 and feature not in user["features"]:
                status = 403
            return view(request) if status == 200 else HttpResponse(status=status)

        return guarded

    return decorate


def token(request):
    body = {"userId": request.session["user"], "authTime": request.session["at"]}
    issued, status = tierlift("/v1/tokens", body)
    return JsonResponse(issued, status=status, headers={"cache-control": "no-store"})
# end


def signed_in(view):
    @functools.wraps(view)
    def checked(request):
        return view(request) if "user" in request.session else HttpResponse(status=401)

    return checked


def login(request):
    request.session.update({"user": request.POST["user"], "at": int(time.time())})
    return HttpResponseRedirect("/")


def logout(request):
    request.session.flush()
    return HttpResponse(status=204)


@signed_in
@feature_required("export")
def reports(request):
    return HttpResponse(f"the report of {request.session['user']}", content_type="text/plain")


urlpatterns = [
    path("token", signed_in(token)),
    path("login", login),
    path("logout", logout),
    path("reports", reports),
    path("", serve, {"document_root": PAGE, "path": "index.html"}),
    path("<path:path>", serve, {"document_root": PAGE}),
]

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
