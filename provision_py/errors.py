"""The one exception family of provision-py.

Every error says *what* failed, *where* (host, file, command) and what to do about it (*hint*), and carries a
stable code. Where the PHP backend had a code for the same failure, ours is the same, because front-end
extensions and people's scripts look for it.
"""

from __future__ import annotations


class ProvisionError(Exception):
    """Base of all errors that a user may see.

    ``code`` is stable and starts with ``PROVISION_`` (or is a code of the original, such as
    ``DRUSH_INVALID_DRUPAL_ROOT``). A subclass gives the default, a single raise may be more precise.
    """

    code: str = "PROVISION_ERROR"

    def __init__(self, what: str, *, where: str = "", hint: str = "", code: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.hint = hint
        if code is not None:
            self.code = code

    def __str__(self) -> str:
        text = f"{self.what} ({self.where})" if self.where else self.what
        return f"{text}. {self.hint}" if self.hint else text


class UsageError(ProvisionError):
    """The command line is wrong: unknown command, missing argument, malformed option."""

    code = "PROVISION_USAGE"


class PhpDataError(ProvisionError):
    """A PHP data file or serialised value cannot be read."""

    code = "PROVISION_PHP_DATA"


class ContextError(ProvisionError):
    """A context is missing, malformed, or refers to something that does not exist."""

    code = "PROVISION_MISSING_CONTEXT"


class HostError(ProvisionError):
    """A file or process operation on a host failed."""

    code = "PROVISION_SYSTEM"


class ProcessError(HostError):
    """A program ended with a status other than 0, or could not be started.

    ``output`` is what it printed, shortened; ``returncode`` is None when it never ran or was stopped.
    """

    code = "PROVISION_PROCESS_ERROR"

    def __init__(
        self,
        what: str,
        *,
        where: str = "",
        hint: str = "",
        code: str | None = None,
        returncode: int | None = None,
        output: str = "",
    ) -> None:
        super().__init__(what, where=where, hint=hint, code=code)
        self.returncode = returncode
        self.output = output


class LockedError(HostError):
    """Somebody else holds the lock; ``holder`` says who, as far as known."""

    code = "PROVISION_LOCKED"


class DatabaseError(ProvisionError):
    """A database server refused or failed what a site needs."""

    code = "PROVISION_DB_CONNECT_FAIL"


class ServiceError(ProvisionError):
    """A service type is unknown, or its program rejects the configuration."""

    code = "PROVISION_SERVICE"


class DrupalError(ProvisionError):
    """A code base is not Drupal, or Drupal itself failed."""

    code = "DRUSH_INVALID_DRUPAL_ROOT"


class HostmasterError(ProvisionError):
    """The front end's database cannot be found, reached or understood."""

    code = "PROVISION_HOSTMASTER"


class TaskError(ProvisionError):
    """A task does not exist, or is not in the state that an operation needs."""

    code = "HOSTING_INVALID_TASK"
