"""Replay recorded task runs of the PHP system and compare the rows that changed.

A *recording* (``taskdiffs/LABEL.diff``) holds the rows of a front end's database before and after one run of one
task. A replay takes the dump that was made at the end of all recordings, puts the rows back to what they were before
that run, lets a *runner* run the task, and compares the rows that changed with the recorded ones::

    history = History.load(reference, mariadb, database)   # all recordings and the dump's rows, read once
    replay = prepare(mariadb, history, "site-verify")      # the database is now as it was before that run
    differences = replay.run(run_task)                     # [] when the same rows changed in the same way

``run_task(settings, nid)`` gets :class:`~provision_py.hostmaster.connection.DatabaseSettings` and the node id of the
queued task; it may do all the work (claim, command, write-back) in any way it likes. ``replay.after`` holds all rows
as they were after the recorded run, so that a code base or an outcome can be made from them (:mod:`.outcomes`);
``replay.before`` those before it. ``run`` takes ``ignored``, the columns not to compare, by table, for example
``{"hosting_package_instance": {"version", "version_code"}}`` when the code base on disk is not the recorded one.

``prepare`` takes ``moved``, places on this machine for folders of the recordings, and ``changed``, for other values
of rows; :mod:`.codebase` writes a Drupal 7 there that has the recorded packages, and :mod:`.relocation` builds a
whole Aegir with real servers in place of the recorded one, so that the real commands run.

Numbers that the database gives out (nodes, revisions, package instances, aliases, backups) are compared by what they
stand for, times by "during the run", durations by being there. Rows of logs and caches are not part of recordings.

    recording   the text of a recording, as rows
    rewind      the state of all tables before a recorded run
    compare     rows that changed on both sides, and the difference
    outcomes    what the command must have found, made from recorded rows
    codebase    a code base with the recorded packages
    relocation  the recorded Aegir on this machine: rows, alias files, sites
    runner      the real runner of queued tasks on it
    harness     the databases and the steps of a replay
"""
