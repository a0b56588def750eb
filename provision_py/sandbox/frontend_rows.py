"""The SQL that the front end's forms run and no backend does, each statement under a name.

Columns and values as recorded from the forms of a running front end.
"""

from __future__ import annotations

from typing import Final

INSERT_USER: Final = """
    INSERT INTO {users} (uid, name, pass, mail, created, status, timezone, init, data)
    VALUES (%(uid)s, %(name)s, '', %(mail)s, %(now)s, %(status)s, 'UTC', %(mail)s, NULL)
"""
INSERT_MODULE: Final = """
    INSERT INTO {system} (filename, name, type, owner, status, bootstrap, schema_version, weight, info)
    VALUES (%(filename)s, %(name)s, 'module', '', 1, 0, %(version)s, 0, NULL)
"""
INSERT_CLIENT: Final = "INSERT INTO {hosting_client} (vid, nid, uname) VALUES (%(vid)s, %(nid)s, %(name)s)"
INSERT_CLIENT_USER: Final = """
    INSERT INTO {hosting_client_user} (user, client, contact_type) VALUES (%(uid)s, %(nid)s, '')
"""
INSERT_SERVER: Final = """
    INSERT INTO {hosting_server} (vid, nid, human_name, verified, status)
    VALUES (%(vid)s, %(nid)s, %(human_name)s, %(verified)s, %(status)s)
"""
INSERT_SERVICE: Final = """
    INSERT INTO {hosting_service} (vid, nid, service, type, restart_cmd, port, available)
    VALUES (%(vid)s, %(nid)s, %(service)s, %(type)s, %(restart_cmd)s, %(port)s, 1)
"""
INSERT_DB_SERVER: Final = """
    INSERT INTO {hosting_db_server} (vid, nid, db_user, db_passwd)
    VALUES (%(vid)s, %(nid)s, %(user)s, %(password)s)
"""
INSERT_PLATFORM: Final = """
    INSERT INTO {hosting_platform} (vid, nid, publish_path, makefile, web_server, verified, status, make_working_copy)
    VALUES (%(vid)s, %(nid)s, %(path)s, %(makefile)s, %(web_server)s, %(verified)s, %(status)s, %(working_copy)s)
"""
INSERT_SITE: Final = """
    INSERT INTO {hosting_site}
      (vid, nid, client, db_server, db_name, platform, profile, language, last_cron, cron_key, verified, status)
    VALUES (%(vid)s, %(nid)s, %(client)s, %(db_server)s, %(db_name)s, %(platform)s, %(profile)s, %(language)s,
            0, '', %(verified)s, %(status)s)
"""
INSERT_SITE_ALIAS: Final = """
    INSERT INTO {hosting_site_alias} (vid, nid, alias, automatic, redirection)
    VALUES (%(vid)s, %(nid)s, %(alias)s, 0, %(redirection)s)
"""
INSERT_SITE_SSL: Final = """
    INSERT INTO {hosting_ssl_site} (vid, nid, ssl_enabled, ssl_key) VALUES (%(vid)s, %(nid)s, 0, 0)
"""
FIND_PACKAGE: Final = """
    SELECT n.nid FROM {node} n JOIN {hosting_package} p ON p.vid = n.vid
    WHERE p.package_type = %(type)s AND p.short_name = %(name)s
"""
INSERT_PACKAGE: Final = """
    INSERT INTO {hosting_package} (vid, nid, package_type, short_name, old_short_name, description)
    VALUES (%(vid)s, %(nid)s, %(type)s, %(name)s, '', '')
"""
INSERT_INSTANCE: Final = """
    INSERT INTO {hosting_package_instance}
      (rid, package_id, filename, schema_version, version, version_code, status, platform)
    VALUES (%(rid)s, %(package)s, '', 0, %(version)s, 1, 0, %(platform)s)
"""
TASKS: Final = """
    SELECT n.nid, n.vid, n.title, t.task_type, t.rid, t.task_status, t.delta, r.title AS target
    FROM {node} n JOIN {hosting_task} t ON t.vid = n.vid LEFT JOIN {node} r ON r.nid = t.rid
    ORDER BY n.nid
"""
LOG_AFTER: Final = """
    SELECT l.lid, l.vid, l.nid, l.type, l.message, l.timestamp FROM {hosting_task_log} l
    WHERE l.lid > %(lid)s ORDER BY l.lid
"""
