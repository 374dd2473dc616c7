"""What is running: the version from the build, the commit from the platform."""

import json
import os
from pathlib import Path

VERSION = json.loads((Path(__file__).parent / "release.json").read_text())["version"]
COMMIT = os.environ.get("RAILWAY_GIT_COMMIT_SHA", "unknown")
