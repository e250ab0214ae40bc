"""A service behind the gateway that believes nobody but the gateway, in Python with joserfc.

ISSUER is the authority, AUDIENCE what the route names; PORT where to listen. It needs no secret,
only the public key set: signature, type, issuer, audience, time, method, path, query, and each
token once.
"""

import base64
import hashlib
import json
import os
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

ISSUER = os.environ["ISSUER"]
AUDIENCE = os.environ["AUDIENCE"]
KEY_SET_URL = ISSUER + "/.well-known/internal-jwks.json"

keys = KeySet([])
asked_at = 0.0
used = {}

claims_of = jwt.JWTClaimsRegistry(
    leeway=0,
    iss={"essential": True, "value": ISSUER},
    aud={"essential": True, "value": AUDIENCE},
    exp={"essential": True},
    jti={"essential": True},
)


def decode(token):
    """By the keys that are known; a new one is looked for at most once a second."""
    global keys, asked_at
    header = json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "=="))
    if header.get("typ") != "mm-internal+jwt":
        raise ValueError("wrong kind")
    if header.get("kid") not in [key.kid for key in keys.keys] and time.time() - asked_at > 1:
        asked_at = time.time()
        with urllib.request.urlopen(KEY_SET_URL, timeout=5) as answer:
            keys = KeySet.import_key_set(json.load(answer))
    return jwt.decode(token, keys, algorithms=["ES256"]).claims


def judge(request):
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme != "Bearer":
        raise ValueError("no token")
    claims = decode(token)
    claims_of.validate(claims)
    path, mark, query = request.path.partition("?")
    digest = hashlib.sha256(query.encode()).digest()
    wanted = base64.urlsafe_b64encode(digest).rstrip(b"=").decode() if mark else None
    if claims.get("htm") != request.command or claims.get("htp") != path:
        raise ValueError("another request")
    if claims.get("qsh") != wanted:
        raise ValueError("another query")
    now = time.time()
    for jti in [jti for jti, end in list(used.items()) if end <= now]:
        del used[jti]
    if claims["jti"] in used:
        raise ValueError("used before")
    used[claims["jti"]] = claims["exp"]
    return claims


class Service(BaseHTTPRequestHandler):
    def answer(self):
        said = {"authorization": self.headers.get("Authorization"), "url": self.path}
        try:
            status, body = 200, {"claims": judge(self), **said}
        except (JoseError, ValueError, KeyError) as refusal:
            status, body = 401, {"error": str(refusal), **said}
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_PUT = do_DELETE = answer

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "9000"))), Service)
print(f"http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
