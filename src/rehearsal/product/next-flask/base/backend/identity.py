"""Who asks, from a session token of Clerk's, verified without asking anybody.

CLERK_JWT_KEY holds the PEM public key and CLERK_ISSUER the address of the instance, both from Clerk's dashboard.
"""

import os
from dataclasses import dataclass
from functools import wraps

import jwt
from flask import abort, request


@dataclass(frozen=True)
class Member:
    user: str
    organisation: str


def member() -> Member:
    """The member who asks, or 401."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        abort(401, "sign in first")
    try:
        claims = jwt.decode(
            token,
            os.environ["CLERK_JWT_KEY"],
            algorithms=["RS256"],
            issuer=os.environ["CLERK_ISSUER"],
            leeway=5,
            options={"require": ["exp", "iat", "iss", "sub"]},
        )
    except jwt.InvalidTokenError:
        abort(401, "the session is not valid")
    # Version 2 of the tokens holds the organisation under `o`, version 1 beside the rest.
    organisation = claims.get("o", {}).get("id") or claims.get("org_id")
    if not organisation:
        abort(403, "choose an organisation first")
    return Member(claims["sub"], organisation)


def of_organisation(handler):
    """Lets only members of the organisation in the path through."""

    @wraps(handler)
    def guarded(organisation: str, **rest):
        if member().organisation != organisation:
            abort(403, "this is another organisation's")
        return handler(organisation, **rest)

    return guarded
