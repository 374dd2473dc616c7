"""Only the pages named in ALLOWED_ORIGINS (separated by commas) may read answers from another origin."""

import os

from flask import Flask, request


def allow_frontend(app: Flask) -> None:
    allowed = {origin for origin in os.environ.get("ALLOWED_ORIGINS", "").split(",") if origin}

    @app.after_request
    def add_headers(response):
        response.headers.add("vary", "origin")
        origin = request.headers.get("origin")
        if origin in allowed:
            response.headers["access-control-allow-origin"] = origin
            response.headers["access-control-allow-methods"] = "GET, POST"
            response.headers["access-control-allow-headers"] = "authorization, content-type"
            response.headers["access-control-expose-headers"] = "x-release, x-release-commit"
        return response
