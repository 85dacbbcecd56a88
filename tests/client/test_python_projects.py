"""Projects of others, each with the package that the service serves, by the documentation's lines
alone: FastAPI with a package `app`, Flask with a module `app`, and Django."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
import uuid
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from app import __version__
from tests.client.conftest import Service
from tests.client.test_faults import free_port
from tests.conftest import ROOT

pytestmark = pytest.mark.fault("G2", "newcomer-40", "newcomer-41", "newcomer-42")

CLIENT = ROOT / "clients" / "python"
WHEEL = f"activity_events-{__version__}-py3-none-any.whl"
BUILT = ROOT / "app" / "static" / "clients" / WHEEL
PAGE = (ROOT / "docs" / "python-client.md").read_text()
TIMEOUT_SECONDS = 120


def test_the_client_has_the_version_of_the_service() -> None:
    from activity_events import __version__ as of_the_client

    assert of_the_client == __version__
    assert f"activity-events=={__version__}" in (ROOT / "pyproject.toml").read_text()
    assert f"/clients/{WHEEL}" in PAGE


def test_the_wheel_is_built_from_these_sources() -> None:
    """Otherwise: `make python-client`."""
    sources = sorted((CLIENT / "src" / "activity_events").glob("*.*"))
    with zipfile.ZipFile(BUILT) as wheel:
        names = [name for name in wheel.namelist() if "dist-info" not in name]
        assert sorted(names) == [f"activity_events/{path.name}" for path in sources]
        assert [wheel.read(f"activity_events/{path.name}") for path in sources] == [
            path.read_bytes() for path in sources
        ]
        metadata = wheel.read(f"activity_events-{__version__}.dist-info/METADATA").decode()
    assert re.findall(r"^Requires-Dist: ([\w-]+)", metadata, re.MULTILINE) == ["httpx"]
    assert "Requires-Python: >=3.10" in metadata


def run(*command: object, cwd: Path, **environment: str) -> str:
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd, env=variables(**environment), capture_output=True, text=True,
        timeout=TIMEOUT_SECONDS, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def variables(**more: str) -> dict[str, str]:
    """An environment that knows nothing of this repository."""
    dropped = {"PYTHONPATH", "VIRTUAL_ENV", "PYTHONHOME"}
    return {name: each for name, each in os.environ.items() if name not in dropped} | more


@pytest.fixture(scope="module")
def python(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with the client, as the documentation says, and with the frameworks."""
    folder = tmp_path_factory.mktemp("fresh")
    run(sys.executable, "-m", "venv", folder / "venv", cwd=folder)
    python = folder / "venv" / "bin" / "python"
    (command,) = re.findall(r"^pip install http\S+$", PAGE, re.MULTILINE)
    words = command.replace("http://127.0.0.1:8000", service.url).split()[1:]
    pip = (python, "-m", "pip", "--quiet", "--disable-pip-version-check")
    run(*pip, *words, cwd=folder)
    installed = run(python, "-m", "pip", "freeze", cwd=folder)
    assert f"activity-events @ {service.url}/clients/{WHEEL}" in installed
    assert "fastapi" not in installed
    run(*pip, "install", "fastapi", "uvicorn", "flask", "gunicorn", "django", "mypy", cwd=folder)
    return python


def email() -> str:
    return f"{uuid.uuid4().hex}@example.com"


def write_example(folder: Path, name: str, user: str) -> None:
    """Write the file that the documentation shows."""
    (source,) = re.findall(rf"```python\n# {re.escape(name)}\n(.*?)```", PAGE, re.DOTALL)
    path = folder / name
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text(source.replace("ada@example.com", user))


@contextmanager
def serving(*command: object, cwd: Path, port: int, **environment: str) -> Iterator[str]:
    """Run a product's server; end it as its supervisor would."""
    process = subprocess.Popen(
        [str(word) for word in command], cwd=cwd, env=variables(**environment),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while True:
            try:
                httpx.get(url)
                break
            except httpx.TransportError:
                assert process.poll() is None, process.communicate()[0]
                assert time.monotonic() < deadline
                time.sleep(0.1)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        output = process.communicate(timeout=TIMEOUT_SECONDS)[0]
    assert "Traceback" not in output


def test_a_script_in_a_folder_with_a_package_called_app(
    service: Service, python: Path, tmp_path: Path
) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "__init__.py").write_text("")
    user = email()
    script = (
        "import app, activity_events as a; c = a.ActivityClient();"
        f"print(c.log('page_viewed', user_email='{user}').event_id)"
    )
    printed = run(python, "-c", script, cwd=tmp_path, ACTIVITY_URL=service.url)
    assert asyncio.run(service.stored(user)) == [printed.strip()]


def test_a_fastapi_project_with_a_package_app(
    service: Service, python: Path, tmp_path: Path
) -> None:
    user, port = email(), free_port()
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "__init__.py").write_text("")
    write_example(tmp_path, "app/main.py", user)
    command = (python, "-m", "uvicorn", "app.main:app", "--port", port)
    with serving(*command, cwd=tmp_path, port=port, ACTIVITY_URL=service.url) as url:
        for _ in range(3):
            assert httpx.post(f"{url}/projects").status_code == 200
    assert len(asyncio.run(service.stored(user))) == 3


def test_a_flask_project_with_an_app_in_forked_workers(
    service: Service, python: Path, tmp_path: Path
) -> None:
    user, port = email(), free_port()
    write_example(tmp_path, "app.py", user)
    # In the parent, before the fork.
    with (tmp_path / "app.py").open("a") as file:
        file.write(f"\nactivity.track('project_opened', user_email='{user}')\n")
    command = (
        *(python, "-m", "gunicorn", "--preload", "--workers", 2),
        *("--bind", f"127.0.0.1:{port}", "app:app"),
    )
    with serving(*command, cwd=tmp_path, port=port, ACTIVITY_URL=service.url) as url:
        for _ in range(6):
            assert httpx.post(f"{url}/projects").status_code == 201
    assert len(asyncio.run(service.stored(user))) == 7


def test_a_django_project(service: Service, python: Path, tmp_path: Path) -> None:
    user, port = email(), free_port()
    run(python, "-m", "django", "startproject", "shop", ".", cwd=tmp_path)
    for name in ("projects", "app"):
        run(python, "manage.py", "startapp", name, cwd=tmp_path)
    write_example(tmp_path, "projects/views.py", user)
    (tmp_path / "shop" / "urls.py").write_text(
        "from django.urls import path\nfrom projects.views import create_project\n"
        "urlpatterns = [path('projects', create_project)]\n"
    )
    command = (python, "manage.py", "runserver", "--noreload", port)
    with serving(*command, cwd=tmp_path, port=port, ACTIVITY_URL=service.url) as url:
        assert httpx.get(f"{url}/projects").status_code == 201
        deadline = time.monotonic() + TIMEOUT_SECONDS
        # Django's development server ends without its exit handlers.
        while not (stored := asyncio.run(service.stored(user))) and time.monotonic() < deadline:
            time.sleep(0.1)
    assert len(stored) == 1


def test_its_types_are_seen_by_a_type_checker(python: Path, tmp_path: Path) -> None:
    (tmp_path / "right.py").write_text(
        "from activity_events import ActivityClient\n"
        "def f(client: ActivityClient) -> str | None:\n"
        "    with client as same:\n"
        "        return same.track('page_viewed', user_email='ada@example.com', entity_id=1)\n"
    )
    (tmp_path / "wrong.py").write_text(
        "from activity_events import ActivityClient\n"
        "ActivityClient('http://h').track('page_viewed', user_mail='ada@example.com')\n"
    )
    check = [python, "-m", "mypy", "--strict", "--python-version", "3.10"]
    run(*check, "right.py", cwd=tmp_path)
    done = subprocess.run(
        [*map(str, check), "wrong.py"],
        cwd=tmp_path, env=variables(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert 'Unexpected keyword argument "user_mail"' in done.stdout
