"""The import rules between the packages."""

import ast
import subprocess
import sys
from pathlib import Path

import app
import workers

ROOT = Path(app.__file__).parent.parent
MAY_IMPORT_CELERY = {
    "app/broker/channel.py",
    "app/broker/contract.py",
    "app/broker/doorbells.py",
    "workers/celery.py",
    "workers/consumer.py",
    "workers/source_tasks.py",
    "workers/tasks.py",
}


def imported_by(path: Path) -> set[str]:
    """Return the top-level names of all imports in a file, including those inside functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add((node.module or "").partition(".")[0])
    return found


def files() -> dict[str, Path]:
    """Return every source file by its path below the root."""
    folders = [Path(package.__file__ or "").parent for package in (app, workers)]
    return {str(path.relative_to(ROOT)): path for folder in folders for path in folder.rglob("*.py")}


def test_only_the_listed_files_import_celery_and_kombu() -> None:
    assert {name for name, path in files().items() if imported_by(path) & {"celery", "kombu"}} == MAY_IMPORT_CELERY


def test_the_app_never_imports_the_workers() -> None:
    assert not [name for name, path in files().items() if name.startswith("app/") and "workers" in imported_by(path)]


def test_no_function_contains_an_import() -> None:
    inside = [
        f"{name}:{node.lineno}"
        for name, path in files().items()
        for function in ast.walk(ast.parse(path.read_text()))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert inside == []


def test_the_import_contracts_are_kept() -> None:
    script = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run([script, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_importing_the_api_and_the_workers_needs_neither_settings_nor_a_server() -> None:
    code = "import app.main, workers.celery, workers.tasks, app.cli.main"
    environment = {"PATH": "/usr/bin:/bin"}
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, check=True, timeout=60)


def test_the_api_starts_without_alembic() -> None:
    code = "import sys, app.main, app.server; sys.exit('alembic' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=60)
