"""All SQL on the front end's tables, each statement under a name.

Tables stand in braces and get the installation's prefix (:mod:`provision_py.hostmaster.connection`). Columns and
rules: the front end's ``*.install`` and ``*.module`` files, named beside each section.
"""

from __future__ import annotations

from typing import Final

# Drupal core: variables and modules (includes/bootstrap.inc, modules/system)

VARIABLE: Final = "SELECT value FROM {variable} WHERE name = %(name)s"
SET_VARIABLE: Final = """
    INSERT INTO {variable} (name, value) VALUES (%(name)s, %(value)s)
    ON DUPLICATE KEY UPDATE value = VALUES(value)
"""
DELETE_VARIABLE: Final = "DELETE FROM {variable} WHERE name = %(name)s"
FORGET_CACHED_VARIABLES: Final = "DELETE FROM {cache_bootstrap} WHERE cid = 'variables'"
ENABLED_MODULES: Final = "SELECT name, schema_version FROM {system} WHERE type = 'module' AND status = 1"
TABLES: Final = "SELECT table_name AS table_name FROM information_schema.tables WHERE table_schema = %(schema)s"

# Drupal core: nodes (modules/node/node.module, node_save)

NODE: Final = """
    SELECT nid, vid, type, language, title, uid, status, created, changed, comment, promote, sticky
    FROM {node} WHERE nid = %(nid)s
"""
LOCK_NODE: Final = NODE + " FOR UPDATE"
INSERT_NODE: Final = """
    INSERT INTO {node}
      (vid, type, language, title, uid, status, created, changed, comment, promote, sticky, tnid, translate)
    VALUES (NULL, %(type)s, %(language)s, %(title)s, %(uid)s, %(status)s, %(created)s, %(now)s,
            %(comment)s, %(promote)s, %(sticky)s, 0, 0)
"""
INSERT_REVISION: Final = """
    INSERT INTO {node_revision} (nid, uid, title, log, timestamp, status, comment, promote, sticky)
    VALUES (%(nid)s, %(acting_uid)s, %(title)s, '', %(now)s, %(status)s, %(comment)s, %(promote)s, %(sticky)s)
"""
SET_REVISION: Final = "UPDATE {node} SET vid = %(vid)s, changed = %(now)s WHERE nid = %(nid)s"
TOUCH_NODE: Final = "UPDATE {node} SET changed = %(now)s WHERE nid = %(nid)s"
TOUCH_REVISION: Final = """
    UPDATE {node_revision} r JOIN {node} n ON n.vid = r.vid
    SET r.timestamp = %(now)s, r.uid = %(acting_uid)s WHERE n.nid = %(nid)s
"""
RENAME_NODE: Final = """
    UPDATE {node} n JOIN {node_revision} r ON r.vid = n.vid
    SET n.title = %(title)s, r.title = %(title)s WHERE n.nid = %(nid)s
"""

# Contexts (hosting.module)

CONTEXT_NAME: Final = "SELECT name FROM {hosting_context} WHERE nid = %(nid)s"
CONTEXT_NID: Final = "SELECT nid FROM {hosting_context} WHERE name = %(name)s"
RENAME_CONTEXT: Final = "UPDATE {hosting_context} SET name = %(name)s WHERE nid = %(nid)s"
INSERT_CONTEXT: Final = "INSERT INTO {hosting_context} (nid, name) VALUES (%(nid)s, %(name)s)"
DELETE_CONTEXT: Final = "DELETE FROM {hosting_context} WHERE nid = %(nid)s"
DELETE_ALIASES_OF_PATH: Final = "DELETE FROM {url_alias} WHERE alias = %(alias)s"
DELETE_ALIASES_OF_SOURCE: Final = "DELETE FROM {url_alias} WHERE source = %(source)s"
INSERT_URL_ALIAS: Final = "INSERT INTO {url_alias} (source, alias, language) VALUES (%(source)s, %(alias)s, 'und')"

# Servers, platforms, sites

SITE: Final = """
    SELECT s.client, s.db_server, s.db_name, s.platform, s.profile, s.language, s.last_cron, s.cron_key,
           s.verified, s.status
    FROM {node} n JOIN {hosting_site} s ON s.vid = n.vid WHERE n.nid = %(nid)s
"""
PLATFORM: Final = """
    SELECT p.publish_path, p.makefile, p.web_server, p.verified, p.status, p.make_working_copy
    FROM {node} n JOIN {hosting_platform} p ON p.vid = n.vid WHERE n.nid = %(nid)s
"""
SERVER: Final = """
    SELECT s.human_name, s.verified, s.status
    FROM {node} n JOIN {hosting_server} s ON s.vid = n.vid WHERE n.nid = %(nid)s
"""
SERVICES: Final = """
    SELECT v.service, v.type, v.restart_cmd, v.port
    FROM {node} n JOIN {hosting_service} v ON v.vid = n.vid
    WHERE n.nid = %(nid)s AND v.available = 1
"""

# Access (client/hosting_client.access.inc)

DELETE_ACCESS: Final = "DELETE FROM {node_access} WHERE nid = %(nid)s"
INSERT_ACCESS: Final = """
    INSERT INTO {node_access} (nid, gid, realm, grant_view, grant_update, grant_delete)
    VALUES (%(nid)s, %(gid)s, %(realm)s, 1, %(update)s, 0)
"""
CLIENTS: Final = "SELECT DISTINCT nid FROM {hosting_client} ORDER BY nid"
PLATFORM_CLIENTS: Final = "SELECT DISTINCT cid FROM {hosting_platform_client_access} WHERE pid = %(nid)s ORDER BY cid"
SERVER_PLATFORMS: Final = """
    SELECT DISTINCT n.nid FROM {node} n JOIN {hosting_platform} p ON p.vid = n.vid
    WHERE n.type = 'platform' AND n.status = 1 AND p.status <> -2 AND p.web_server = %(nid)s ORDER BY n.nid
"""
DB_SERVER_CLIENTS: Final = """
    SELECT DISTINCT s.client FROM {node} n JOIN {hosting_site} s ON s.vid = n.vid
    WHERE s.db_server = %(nid)s AND s.client <> 0 ORDER BY s.client
"""
TASK_TARGET: Final = "SELECT t.rid FROM {node} n JOIN {hosting_task} t ON t.vid = n.vid WHERE n.nid = %(nid)s"
