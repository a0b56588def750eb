"""What PHP says at an error that ends it, and what we say should be done."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from bridge_sites import BridgeSite

from provision_py.drupal.bridge import BridgeError, status
from provision_py.sandbox.platforms import make_platform


@pytest.fixture(params=[7, 10])
def site(
    request: pytest.FixtureRequest, tmp_path: Path, make_site: Callable[[Path, int, str], BridgeSite]
) -> BridgeSite:
    platform = make_platform(tmp_path / "platform", request.param)
    return make_site(platform.docroot, request.param, platform.version)


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("require '/nowhere/shared.php';", "bring it back"),
        ("require '/nowhere/vendor/autoload.php';", "composer install"),
        ("$this is not PHP;", "Correct that file"),
        ("hosting_nothing();", "no module"),
        ("new Drupal\\nothing\\Here();", "no module"),
        ("echo HOSTING_NOTHING;", "no module"),
        ("strlen();", "made for PHP"),
    ],
)
@pytest.mark.parametrize("name", ["settings.php", "local.settings.php"])
def test_the_hint_fits_the_error(site: BridgeSite, name: str, line: str, hint: str) -> None:
    path = site.folder / name
    path.write_text(f"{path.read_text() if path.exists() else '<?php'}\n{line}\n")
    with pytest.raises(BridgeError) as caught:
        site.run(status())
    assert hint in caught.value.hint
    assert ("made for PHP" in caught.value.hint) == (hint in ("no module", "made for PHP"))
