"""A lab of several hosts, shared by all tests that leave it as they found it.

Where hosts are not permitted or programs are missing, tests skip; in CI missing programs fail them, and missing
permissions do where the caller is root.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from farm_system import HOSTS, Farm, clustered, farm_on

from provision_py.sandbox.base import reap_abandoned
from provision_py.sandbox.lab.host import LabHost
from provision_py.sandbox.lab.lab import Lab
from provision_py.sandbox.lab.namespaces import LabNotPermittedError
from provision_py.sandbox.programs import MissingProgramError


def in_ci() -> bool:
    return os.environ.get("CI", "").lower() not in ("", "0", "false", "no")


@contextmanager
def lab_or_skip() -> Iterator[None]:
    try:
        yield
    except MissingProgramError as error:
        if in_ci():
            pytest.fail(str(error), pytrace=False)
        pytest.skip(str(error))
    except LabNotPermittedError as error:
        if in_ci() and os.geteuid() == 0:
            pytest.fail(str(error), pytrace=False)
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """``hub`` (nginx), ``web1`` (Apache), ``web2`` (nginx), ``db``."""
    reap_abandoned()
    with lab_or_skip():
        running = Lab.start()
    with running:
        yield running


@pytest.fixture
def lab_of() -> Iterator[Callable[..., Lab]]:
    """Starts labs of a test's own; arguments as for Lab.start."""
    with ExitStack() as stack:

        def start(*arguments: Any, **options: Any) -> Lab:
            with lab_or_skip():
                return stack.enter_context(Lab.start(*arguments, **options))

        yield start


@pytest.fixture
def hub(lab: Lab) -> LabHost:
    return lab.hub


@pytest.fixture(scope="session")
def farm() -> Iterator[Farm]:
    """A hosting system on a lab of its own, with a cluster of ``web1`` and ``web2`` that serves ``one.test``."""
    with lab_or_skip():
        running = Lab.start(HOSTS)
    with running, farm_on(running) as hosting:
        yield clustered(hosting)


@pytest.fixture(scope="module")
def lab_of_module(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A lab for one module alone, with the hosts that it names in ``HOSTS``, or those of ``farm``."""
    with lab_or_skip():
        running = Lab.start(getattr(request.module, "HOSTS", HOSTS))
    with running:
        yield running
