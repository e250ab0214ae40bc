"""What a Python developer does with Mintmark, in their own libraries and nothing of ours.

Reads a JSON object from standard input, prints one with what every step gave. It judges nothing:
python.suite.ts does.
"""

import json
import sys

import jwt
import requests
from authlib.integrations.requests_client import OAuth2Session
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import KeySet


def main():
    given = json.load(sys.stdin)
    issuer, api = given["issuer"], given["api"]
    metadata = requests.get(issuer + "/.well-known/oauth-authorization-server", timeout=10).json()
    json.dump(
        {
            "metadata": metadata,
            "without": answer(requests.get(api, timeout=10)),
            "api_key": with_api_key(api, given["key"]),
            "clients": {c["id"]: with_client(metadata, api, c) for c in given["clients"]},
            "jwt": verify_jwt(metadata, given),
        },
        sys.stdout,
    )


def with_api_key(api, key):
    session = requests.Session()
    session.headers["Authorization"] = "Bearer " + key
    return {
        "get": answer(session.get(api, params={"q": "two words"}, timeout=10)),
        "post": answer(session.post(api, json={"grape": "Müller-Thurgau"}, timeout=10)),
        "stream": answer(session.post(api, data=iter([b"one ", b"two"]), timeout=10)),
    }


def with_client(metadata, api, client):
    session = oauth_session(client)
    token = session.fetch_token(
        metadata["token_endpoint"], grant_type="client_credentials", scope=client["scope"]
    )
    used = answer(session.get(api, timeout=10))
    before = introspect(session, metadata, token).json()
    revoked = session.revoke_token(
        metadata["revocation_endpoint"],
        token=token["access_token"],
        token_type_hint="access_token",
    )
    return {
        "token": {name: value for name, value in token.items() if name != "access_token"},
        "prefix": token["access_token"][:6],
        "used": used,
        "introspected": before,
        "revoked": revoked.status_code,
        "introspected_again": introspect(session, metadata, token).json(),
        "used_again": answer(session.get(api, timeout=10)),
        "revoked_again": session.revoke_token(
            metadata["revocation_endpoint"], token=token["access_token"]
        ).status_code,
    }


def introspect(session, metadata, token):
    return session.introspect_token(
        metadata["introspection_endpoint"], token=token["access_token"]
    )


def oauth_session(client):
    return OAuth2Session(
        client["id"],
        client["secret"],
        token_endpoint_auth_method=client["method"],
        revocation_endpoint_auth_method=client["method"],
    )


def verify_jwt(metadata, given):
    """One token, judged from the published key set by two libraries."""
    client = next(c for c in given["clients"] if c["format"] == "jwt")
    token = oauth_session(client).fetch_token(
        metadata["token_endpoint"], grant_type="client_credentials"
    )["access_token"]
    key = jwt.PyJWKClient(metadata["jwks_uri"]).get_signing_key_from_jwt(token)
    expected = {"algorithms": ["ES256"], "issuer": given["issuer"]}
    keys = KeySet.import_key_set(requests.get(metadata["jwks_uri"], timeout=10).json())
    decoded = joserfc_jwt.decode(token, keys, algorithms=["ES256"])
    changed = token[:-8] + ("A" if token[-8] != "A" else "B") + token[-7:]
    return {
        "pyjwt": jwt.decode(token, key, audience=given["audience"], **expected),
        "header": jwt.get_unverified_header(token),
        "joserfc": decoded.claims,
        "other_audience": refusal(
            lambda: jwt.decode(token, key, audience="https://other.example", **expected)
        ),
        "changed": refusal(
            lambda: jwt.decode(changed, key, audience=given["audience"], **expected)
        ),
    }


def refusal(act):
    try:
        act()
        return None
    except jwt.InvalidTokenError as error:
        return type(error).__name__


def answer(response):
    is_json = "json" in response.headers.get("content-type", "")
    return {
        "status": response.status_code,
        "challenge": response.headers.get("www-authenticate"),
        "body": response.json() if is_json else None,
    }


main()
