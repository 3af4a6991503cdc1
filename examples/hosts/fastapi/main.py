"""A host on FastAPI: its own sessions in a cookie, and a route for those who have paid."""

import json
import os
import pathlib
import secrets
import time
import urllib.parse
import urllib.request

from fastapi import Cookie, Depends, FastAPI, Form, HTTPException, Response
from fastapi.responses import PlainTextResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles

app = FastAPI()
sessions: dict[str, dict] = {}
PAGE = os.environ.get("PAGE", pathlib.Path(__file__).parent.parent / "page")


def signed_in(session: str = Cookie(default="")) -> dict:
    if session not in sessions:
        raise HTTPException(401)
    return sessions[session]


# tierlift
def tierlift(path: str, body: dict | None = None) -> dict:
    data = None if body is None else json.dumps(body).encode()
    headers = {"authorization": f"Bearer {os.environ['TIERLIFT_SERVICE_TOKEN']}"}
    request = urllib.request.Request(os.environ["TIERLIFT_URL"] + path, data, headers)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return json.load(answer)
    except OSError as refusal:
        # With 409 this sign-in is too old, or was revoked.
        raise HTTPException(401 if getattr(refusal, "code", 0) == 409 else 503) from refusal


def require_feature(feature: str):
    """Lets those pass who have this feature now, whatever they had when they signed in."""

    def check(session: dict = Depends(signed_in)) -> dict:
        user = urllib.parse.quote(session["user"], safe="")
        if feature not in tierlift(f"/v1/users/{user}?authTime={session['at']}")["features"]:
            raise HTTPException(403)
        return session

    return check


@app.get("/token")
def token(response: Response, session: dict = Depends(signed_in)) -> dict:
    response.headers["cache-control"] = "no-store"
    return tierlift("/v1/tokens", {"userId": session["user"], "authTime": session["at"]})
# end


@app.post("/login")
def login(user: str = Form()) -> RedirectResponse:
    session = secrets.token_urlsafe()
    sessions[session] = {"user": user, "at": int(time.time())}
    response = RedirectResponse("/", 303)
    response.set_cookie("session", session, httponly=True, samesite="lax")
    return response


@app.post("/logout", status_code=204)
def logout(response: Response, session: str = Cookie(default="")) -> None:
    sessions.pop(session, None)
    response.delete_cookie("session")


@app.get("/reports", response_class=PlainTextResponse)
def reports(session: dict = Depends(require_feature("export"))) -> str:
    return f"the report of {session['user']}"


app.mount("/", StaticFiles(directory=PAGE, html=True))
