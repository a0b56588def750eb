"""Several hosts on one machine, for tests of remote servers, clusters and packs.

Each host of a :class:`provision_py.sandbox.lab.lab.Lab` is a set of Linux namespaces: a network with an address of
its own, a view of the file system in which ``/etc``, ``/var``, ``/run``, ``/root``, ``/home``, ``/tmp`` and the
like are private, a process table and a name. It runs its own sshd, its own Apache or nginx with PHP, one of them
MariaDB, from the machine's own Debian packages and in Debian's own layout. All that a host writes is in memory.

The hosts form a network that nothing outside reaches and that reaches nothing outside, so any number of labs can
run side by side. No file, mount, address, account or named namespace is made on the machine itself, save one
folder in the temp directory.

**Who may.** Root with CAP_SYS_ADMIN and CAP_NET_ADMIN (``docker run --privileged``), because the hosts have several
accounts each. :class:`~provision_py.sandbox.lab.namespaces.LabNotPermittedError` says that a caller may not;
tests skip then, but fail where CI is set and the caller is root.

**How it ends.** The first process of each host reads a pipe whose other end is held by the process that started the
lab. When that closes the pipe, or dies in whatever way, the kernel ends every process of the host and drops its
mounts and its network with them. The folder in the temp directory goes with ``Lab.stop``, or with the next start
(:func:`provision_py.sandbox.base.reap_abandoned`).
"""
