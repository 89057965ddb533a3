"""Apps that tests put into a project. In `zoo` are models as people write them."""

import shutil

from tests.conftest import ROOT
from tests.kit.services import Service

ZOO = ROOT / "tests" / "kit" / "zoo"


def add_zoo(service: Service) -> None:
    app = service.project / "app" / "zoo"
    app.mkdir()
    for name in ("__init__", "models"):
        shutil.copy(ZOO / f"{name}.py", app)


def add_aviary(service: Service) -> None:
    app = service.project / "app" / "aviary"
    app.mkdir()
    (app / "__init__.py").touch()
    shutil.copy(ZOO / "postgresql.py", app / "models.py")
