"""The package's types in the module systems of TypeScript, without `skipLibCheck`.

`frontend/tracker/test/package.test.ts` has node10, which the newest TypeScript no longer knows.
"""

import json
import shutil
from pathlib import Path

import pytest

from tests.packages.conftest import Service
from tests.packages.projects import fresh_project, run

USAGE = Path(__file__).parent / "types" / "usage.ts"
# The file's name and the package's type decide what module system Node.js takes it for.
SYSTEMS = {
    "bundler": ("usage.ts", "module", "preserve", "bundler"),
    "node16": ("usage.mts", "module", "node16", "node16"),
    "nodenext": ("usage.ts", "module", "nodenext", "nodenext"),
    "node16 from CommonJS": ("usage.cts", "module", "node16", "node16"),
    "nodenext from CommonJS": ("usage.ts", "commonjs", "nodenext", "nodenext"),
}


@pytest.fixture(scope="module")
def project(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with TypeScript and React's types, beside the package."""
    folder = fresh_project("vite", tmp_path_factory.mktemp("types"), service.url)
    for file in ("vite.config.ts", "tsconfig.json"):
        (folder / file).unlink()
    return folder


@pytest.mark.fault("C4")
@pytest.mark.parametrize("name", SYSTEMS)
def test_types_resolve(project: Path, name: str) -> None:
    """All of them, for `.` and `./react`, an application's own event types included."""
    file, package_type, module, resolution = SYSTEMS[name]
    package = json.loads((project / "package.json").read_text())
    (project / "package.json").write_text(json.dumps({**package, "type": package_type}))
    shutil.copy(USAGE, project / file)
    options = {
        "module": module,
        "moduleResolution": resolution,
        "target": "es2022",
        "lib": ["es2022", "dom"],
        "types": [],
        "strict": True,
        "exactOptionalPropertyTypes": True,
        "esModuleInterop": True,
        "skipLibCheck": False,
        "noEmit": True,
    }
    settings = {"compilerOptions": options, "files": [file]}
    (project / "tsconfig.json").write_text(json.dumps(settings))
    run(project, "node_modules/.bin/tsc", "--project", ".")
