"""The API: every row belongs to an organisation, and only its members see it."""

from flask import Flask, jsonify
from werkzeug.exceptions import HTTPException

import cors
import database
import items
import release


def create_app() -> Flask:
    app = Flask(__name__)
    database.open_pool()
    app.register_blueprint(items.blueprint)
    cors.allow_frontend(app)

    @app.after_request
    def name_release(response):
        response.headers["x-release"] = release.VERSION
        response.headers["x-release-commit"] = release.COMMIT
        response.headers["cache-control"] = "no-store"
        return response

    @app.get("/api/health")
    def health():
        try:
            migration = database.newest_migration()
        except Exception as error:  # whatever it is, users would not be served
            app.logger.error("health: %s", error)
            return jsonify(status="error", commit=release.COMMIT), 503
        return jsonify(status="ok", version=release.VERSION, commit=release.COMMIT, migration=migration)

    @app.errorhandler(HTTPException)
    def tell(error: HTTPException):
        return jsonify(error=error.description), error.code

    return app
