"""A web application in Python that signs people in by Authlib's Flask client, from discovery on.

Reads a JSON object from standard input, prints one with what every step gave. It judges nothing:
authlib.suite.ts does. Authlib itself verifies state, nonce, signatures and claims, and raises.
"""

import json
import re
import sys
from html import unescape
from urllib.parse import urljoin, urlsplit

import requests
from authlib.integrations.flask_client import OAuth
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from flask import Flask, jsonify
from joserfc.jwk import ECKey


def main():
    given = json.load(sys.stdin)
    person = Person(given["issuer"], given["person"])
    json.dump({c["id"]: use(given, c, person) for c in given["clients"]}, sys.stdout)


def use(given, client, person):
    app, provider = web_app(given, client)
    browser = app.test_client()
    asked = browser.get("/login").headers["location"]
    arrived = urlsplit(person.go_to(asked))
    signed_in = browser.get(arrived.path + "?" + arrived.query).get_json()
    again = browser.get(arrived.path + "?" + arrived.query)
    metadata = provider.load_server_metadata()
    with oauth_session(client, metadata, signed_in["token"]) as session:
        life = life_of(session, metadata, signed_in["token"])
    return {
        "asked": asked,
        "claims": signed_in["token"].pop("userinfo"),
        "token": {k: v for k, v in signed_in["token"].items() if not k.endswith("_token")},
        "userinfo": signed_in["userinfo"],
        "again": again.status_code,
        **life,
    }


def web_app(given, client):
    app = Flask("cellar")
    app.secret_key = "of no worth"
    provider = OAuth(app).register(
        "mintmark",
        server_metadata_url=given["issuer"] + "/.well-known/openid-configuration",
        client_id=client["id"],
        client_secret=secret_of(client),
        client_auth_methods=[signing()],
        client_kwargs={
            "scope": "openid email offline_access",
            "code_challenge_method": "S256",
            "token_endpoint_auth_method": client["method"],
        },
    )

    @app.get("/login")
    def login():
        return provider.authorize_redirect(given["back"])

    @app.get("/cb")
    def back():
        token = provider.authorize_access_token()
        return jsonify(token=token, userinfo=provider.userinfo(token=token))

    return app, provider


def life_of(session, metadata, token):
    """Refresh, introspection and revocation, as the application's own session does them."""
    before = token["refresh_token"]
    fresh = session.refresh_token(metadata["token_endpoint"], refresh_token=before)
    seen = introspect(session, metadata, fresh)
    revoked = session.revoke_token(
        metadata["revocation_endpoint"], token=fresh["refresh_token"]
    ).status_code
    return {
        "refreshed": {"rotated": fresh["refresh_token"] != before, "scope": fresh["scope"]},
        "introspected": seen,
        "revoked": revoked,
        "introspected_again": introspect(session, metadata, fresh),
    }


def introspect(session, metadata, token):
    return session.introspect_token(
        metadata["introspection_endpoint"], token=token["access_token"]
    ).json()


def oauth_session(client, metadata, token):
    session = OAuth2Session(
        client["id"],
        secret_of(client),
        token=token,
        token_endpoint_auth_method=client["method"],
        revocation_endpoint_auth_method=client["method"],
    )
    session.register_client_auth_method(signing())
    return session


def signing():
    return PrivateKeyJWT(alg="ES256", headers={"kid": "one"})


def secret_of(client):
    return ECKey.import_key(client["key"]) if "key" in client else client["secret"]


class Person:
    """Somebody at a browser without scripts: cookies, redirects, and the forms of the pages."""

    def __init__(self, issuer, fields):
        self.home = issuer
        self.fields = fields
        self.session = requests.Session()

    def go_to(self, url):
        form = None
        for _ in range(12):
            if not url.startswith(self.home + "/"):
                return url
            method = "GET" if form is None else "POST"
            answer = self.session.request(
                method, url, data=form, allow_redirects=False, timeout=10
            )
            form = None
            if "location" in answer.headers:
                url = urljoin(url, answer.headers["location"])
                continue
            action = re.search(r'<form method="post" action="([^"]*)"', answer.text)
            if action is None:
                break
            url = urljoin(url, unescape(action[1]))
            form = self.fill_in(answer.text)
        raise RuntimeError(f"no way on from {url}")

    def fill_in(self, page):
        form = {}
        for tag in re.findall(r"<input [^>]*>", page):
            name = re.search(r' name="([^"]*)"', tag)[1]
            value = re.search(r' value="([^"]*)"', tag)
            form[name] = self.fields.get(name) or (unescape(value[1]) if value else "")
        return form


main()
