"""The items of an organisation."""

from flask import Blueprint, abort, jsonify, request

from database import query
from identity import of_organisation

blueprint = Blueprint("items", __name__, url_prefix="/api/organisations/<organisation>/items")


@blueprint.get("")
@of_organisation
def list_items(organisation: str):
    rows = query("SELECT id, name, quantity FROM items WHERE organisation_id = %s ORDER BY id", organisation)
    return jsonify(items=rows)


@blueprint.post("")
@of_organisation
def add_item(organisation: str):
    name = (request.get_json(silent=True) or {}).get("name")
    if not isinstance(name, str) or not 0 < len(name) <= 200:
        abort(400, "a name of 1 to 200 characters is needed")
    [row] = query("INSERT INTO items (organisation_id, name) VALUES (%s, %s) RETURNING id, name, quantity", organisation, name)
    return jsonify(row), 201
