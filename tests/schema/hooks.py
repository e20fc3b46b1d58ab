"""What schemathesis is told besides the description: relays that exist, and which answers no caller should bring about."""
import collections
import hashlib
import os

import schemathesis

# An issuer has a key pair for each claim type, and making one takes it a while.
CLAIM_TYPES = ["age_over18_germany", "live_human_presence", "age_over21_france"]

# Relays that were made, newest last: token and secret.
RELAYS = collections.deque(maxlen=64)

MANAGED = os.environ["RELAY_EDGE_MODE"] == "managed"


def drawn(case, what):
    """A number that follows from the case, so that it can be repeated."""
    seed = repr((what, case.path_parameters, case.body, case.operation.label)).encode()
    return int.from_bytes(hashlib.sha256(seed).digest()[:4], "big")


def is_positive(case):
    return case.meta is not None and case.meta.generation.mode.name == "POSITIVE"


@schemathesis.hook
def before_call(context, case, kwargs):
    if not is_positive(case):
        return
    if isinstance(case.body, dict) and isinstance(case.body.get("claim-type"), str):
        case.body["claim-type"] = CLAIM_TYPES[drawn(case, "claim type") % len(CLAIM_TYPES)]
    if not RELAYS or drawn(case, "known") % 4 == 0:
        return
    token, secret = RELAYS[drawn(case, "which") % len(RELAYS)]
    named = False
    if case.path_parameters and "relay-token" in case.path_parameters:
        case.path_parameters["relay-token"] = token
        named = True
    if isinstance(case.body, dict) and "relay-token" in case.body:
        case.body["relay-token"] = token
        named = True
    if named and (not MANAGED or drawn(case, "secret") % 3 == 0):
        case.headers = {**(case.headers or {}), "Persona-Relay-Secret": secret}


@schemathesis.hook
def after_call(context, case, response):
    if case.operation.label == "POST /relays" and response.status_code == 200:
        relay = response.json()
        RELAYS.append((relay["relay-token"], relay["relay-secret"]))


@schemathesis.check
def nothing_breaks(ctx, response, case):
    """Persona and the stores are well, so a 5xx has one reason only: a relay that the store does not show."""
    if response.status_code < 500:
        return
    if case.operation.label == "HEAD /relays/{relay-token}":
        code = "relay_not_found_yet"  # there is no body to tell
    else:
        code = response.json()["errors"][0]["code"]
    if (response.status_code, code) != (503, "relay_not_found_yet"):
        raise AssertionError(f"{response.status_code} {code}")
