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
FIRST_REVISION: Final = "UPDATE {node} SET vid = %(vid)s WHERE nid = %(nid)s"
NEXT_REVISION: Final = """
    UPDATE {node} SET vid = %(vid)s, changed = %(now)s WHERE nid = %(nid)s AND vid = %(former_vid)s
"""
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

#: What tasks are about, with the names of what it refers to (:mod:`provision_py.hostmaster.subjects`).
SERVER_SUBJECT: Final = """
    SELECT n.title, c.name AS context, s.status
    FROM {node} n JOIN {hosting_server} s ON s.vid = n.vid LEFT JOIN {hosting_context} c ON c.nid = n.nid
    WHERE n.nid = %(nid)s AND n.type = 'server'
"""
PLATFORM_SUBJECT: Final = """
    SELECT n.title, c.name AS context, p.status, p.publish_path, p.makefile, p.make_working_copy,
           w.name AS web_server_context
    FROM {node} n JOIN {hosting_platform} p ON p.vid = n.vid LEFT JOIN {hosting_context} c ON c.nid = n.nid
    LEFT JOIN {hosting_context} w ON w.nid = p.web_server
    WHERE n.nid = %(nid)s AND n.type = 'platform'
"""
SITE_SUBJECT: Final = """
    SELECT n.title, c.name AS context, s.status, s.language, s.db_server, d.name AS db_server_context,
           p.name AS platform_context, g.short_name AS profile_name, u.uname AS client_name
    FROM {node} n JOIN {hosting_site} s ON s.vid = n.vid LEFT JOIN {hosting_context} c ON c.nid = n.nid
    LEFT JOIN {hosting_context} d ON d.nid = s.db_server
    LEFT JOIN {hosting_context} p ON p.nid = s.platform
    LEFT JOIN {node} gn ON gn.nid = s.profile LEFT JOIN {hosting_package} g ON g.vid = gn.vid
    LEFT JOIN {node} un ON un.nid = s.client LEFT JOIN {hosting_client} u ON u.vid = un.vid
    WHERE n.nid = %(nid)s AND n.type = 'site'
"""
OTHER_SUBJECT: Final = """
    SELECT n.title, c.name AS context, 0 AS status
    FROM {node} n LEFT JOIN {hosting_context} c ON c.nid = n.nid WHERE n.nid = %(nid)s
"""

HOSTMASTER_DOMAIN: Final = "SELECT title FROM {node} WHERE nid = %(nid)s AND type = 'site'"

# Access (client/hosting_client.access.inc)

ACCESS: Final = "SELECT realm, gid, grant_view, grant_update, grant_delete FROM {node_access} WHERE nid = %(nid)s"
DELETE_ACCESS: Final = "DELETE FROM {node_access} WHERE nid = %(nid)s"
INSERT_ACCESS: Final = """
    INSERT INTO {node_access} (nid, gid, realm, grant_view, grant_update, grant_delete)
    VALUES (%(nid)s, %(gid)s, %(realm)s, %(view)s, %(update)s, %(delete)s)
"""
OWNED_NODE: Final = """
    SELECT n.nid, n.vid, n.type, n.language, n.title, n.uid, n.status, n.created, n.changed, n.comment, n.promote,
           n.sticky, s.client, (SELECT v.value FROM {variable} v WHERE v.name = %(admin)s) AS admin_client
    FROM {node} n LEFT JOIN {hosting_site} s ON s.vid = n.vid AND n.type = 'site' WHERE n.nid = %(nid)s
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

# Tasks (task/hosting_task.module, task.hosting.inc)

TASK: Final = """
    SELECT n.nid, n.vid, n.title, n.uid, n.changed, t.task_type, t.rid, t.task_status, t.executed, t.delta
    FROM {node} n JOIN {hosting_task} t ON t.vid = n.vid
    WHERE n.nid = %(nid)s AND n.type = 'task'
"""
LOCK_TASK: Final = """
    SELECT n.nid, n.vid, n.type, n.language, n.title, n.uid, n.status, n.created, n.changed, n.comment, n.promote,
           n.sticky, t.task_type, t.rid, t.task_status, t.executed, t.delta
    FROM {node} n JOIN {hosting_task} t ON t.vid = n.vid
    WHERE n.nid = %(nid)s AND n.type = 'task' FOR UPDATE
"""
TASK_OUTLINE: Final = """
    SELECT t.task_type, t.rid, o.type AS object_type, c.name AS context
    FROM {node} n JOIN {hosting_task} t ON t.vid = n.vid
    LEFT JOIN {node} o ON o.nid = t.rid LEFT JOIN {hosting_context} c ON c.nid = t.rid
    WHERE n.nid = %(nid)s AND n.type = 'task'
"""
TASK_ARGUMENTS: Final = "SELECT name, value FROM {hosting_task_arguments} WHERE vid = %(vid)s"
INSERT_TASK: Final = """
    INSERT INTO {hosting_task} (vid, nid, task_type, rid, task_status, executed, delta)
    VALUES (%(vid)s, %(nid)s, %(task_type)s, %(rid)s, %(status)s, %(executed)s, %(delta)s)
"""
INSERT_TASK_ARGUMENT: Final = """
    INSERT INTO {hosting_task_arguments} (vid, nid, name, value) VALUES (%(vid)s, %(nid)s, %(name)s, %(value)s)
"""
SET_DELTA: Final = "UPDATE {hosting_task} SET delta = %(delta)s WHERE vid = %(vid)s"
SET_STATUS: Final = "UPDATE {hosting_task} SET task_status = %(status)s WHERE vid = %(vid)s"
SITE_REDIRECTION: Final = """
    SELECT a.redirection FROM {node} n JOIN {hosting_site_alias} a ON a.vid = n.vid WHERE n.nid = %(nid)s LIMIT 1
"""

# Queue (hosting.queues.inc, dispatch.hosting.inc). A run counts as such for eight hours.

QUEUED_TASKS: Final = """
    SELECT n.nid, t.rid, t.task_type, o.type FROM {hosting_task} t JOIN {node} n ON n.vid = t.vid
    LEFT JOIN {node} o ON o.nid = t.rid
    WHERE t.task_status = 0 AND n.type = 'task'
    ORDER BY n.changed, n.nid
"""
LIVING_RUNS: Final = """
    SELECT t.rid FROM {hosting_task} t JOIN {node} n ON n.vid = t.vid
    JOIN {semaphore} s ON s.name = CONCAT(%(start)s, n.nid)
    WHERE t.task_status = -1 AND s.expire > UNIX_TIMESTAMP(NOW(6))
"""
PLATFORM_SERVERS: Final = """
    SELECT p.nid, p.web_server FROM {hosting_platform} p JOIN {node} n ON n.vid = p.vid WHERE p.status <> -2
"""
SITE_PARENTS: Final = """
    SELECT s.nid, s.platform, s.db_server FROM {hosting_site} s JOIN {node} n ON n.vid = s.vid WHERE s.status <> -2
"""
#: The queries of members by the module that has the table.
GROUP_MEMBERS: Final = {
    "hosting_web_cluster": """
        SELECT w.nid, w.web_server_nid FROM {hosting_web_cluster} w JOIN {node} n ON n.vid = w.vid
    """,
    "hosting_web_pack": """
        SELECT w.nid, w.web_server_nid FROM {hosting_web_pack} w JOIN {node} n ON n.vid = w.vid
    """,
}
GROUP_MODULES: Final = """
    SELECT name FROM {system}
    WHERE type = 'module' AND status = 1 AND name IN ('hosting_web_cluster', 'hosting_web_pack')
"""
BUSY_OBJECTS: Final = """
    SELECT DISTINCT t.rid FROM {hosting_task} t JOIN {node} n ON n.vid = t.vid
    WHERE t.task_status = -1 AND t.executed > %(since)s
"""
RUNNING_COUNT: Final = """
    SELECT COUNT(*) FROM {hosting_task} t JOIN {node} n ON n.vid = t.vid
    WHERE t.task_status = -1 AND t.executed > %(since)s
"""
QUEUED_COUNT: Final = """
    SELECT COUNT(*) FROM {hosting_task} t JOIN {node} n ON n.vid = t.vid
    WHERE t.task_status = 0 AND n.type = 'task'
"""

# Task logs. The types are compared as bytes, because the front end compares them so.

INSERT_LOG: Final = """
    INSERT INTO {hosting_task_log} (vid, nid, type, message, error, timestamp)
    VALUES (%(vid)s, %(nid)s, %(type)s, %(message)s, %(error)s, %(timestamp)s)
"""
LAST_LOG: Final = """
    SELECT lid, type, message, timestamp FROM {hosting_task_log} WHERE vid = %(vid)s ORDER BY lid DESC LIMIT 1
"""
LOG_TYPES: Final = "SELECT DISTINCT CAST(type AS BINARY) AS type FROM {hosting_task_log} WHERE vid = %(vid)s"

# Locks (includes/lock.inc). The database's clock decides, so that machines need not agree on the time.

DROP_EXPIRED_LOCK: Final = "DELETE FROM {semaphore} WHERE name = %(name)s AND expire < UNIX_TIMESTAMP(NOW(6))"
TAKE_EXPIRED_LOCK: Final = """
    UPDATE {semaphore} SET value = %(value)s, expire = UNIX_TIMESTAMP(NOW(6)) + %(seconds)s
    WHERE name = %(name)s AND expire < UNIX_TIMESTAMP(NOW(6))
"""
TAKE_LOCK: Final = """
    INSERT INTO {semaphore} (name, value, expire)
    VALUES (%(name)s, %(value)s, UNIX_TIMESTAMP(NOW(6)) + %(seconds)s)
"""
RENEW_LOCK: Final = """
    UPDATE {semaphore} SET expire = UNIX_TIMESTAMP(NOW(6)) + %(seconds)s
    WHERE name = %(name)s AND value = %(value)s
"""
RELEASE_LOCK: Final = "DELETE FROM {semaphore} WHERE name = %(name)s AND value = %(value)s"
LOCK_HOLDER: Final = "SELECT value FROM {semaphore} WHERE name = %(name)s"
RENEW_RUN: Final = """
    UPDATE {semaphore} SET expire = UNIX_TIMESTAMP(NOW(6)) + %(seconds)s
    WHERE name = %(name)s AND value IN (%(value)s, %(accepted)s)
"""
ACCEPT_RUN: Final = """
    UPDATE {semaphore} SET value = %(accepted)s WHERE name = %(name)s AND value IN (%(value)s, %(accepted)s)
"""
RELEASE_RUN: Final = "DELETE FROM {semaphore} WHERE name = %(name)s AND value IN (%(value)s, %(accepted)s)"
RUNS: Final = "SELECT name, value FROM {semaphore} WHERE LEFT(name, CHAR_LENGTH(%(start)s)) = %(start)s"
EXPIRE_RUN: Final = "UPDATE {semaphore} SET expire = 0 WHERE name = %(name)s AND value = %(value)s"
EXPIRED_RUNS: Final = """
    SELECT name, value FROM {semaphore}
    WHERE LEFT(name, CHAR_LENGTH(%(start)s)) = %(start)s AND expire < UNIX_TIMESTAMP(NOW(6))
"""

# What the backend is told of an object (the modules' *_context_options)

SERVER_ADDRESSES: Final = "SELECT ip_address FROM {hosting_ip_addresses} WHERE nid = %(nid)s ORDER BY id"
SSL_PORT: Final = """
    SELECT s.ssl_port FROM {node} n JOIN {hosting_ssl_server} s ON s.vid = n.vid WHERE n.nid = %(nid)s
"""
DB_CREDENTIALS: Final = """
    SELECT d.db_user, d.db_passwd FROM {node} n JOIN {hosting_db_server} d ON d.vid = n.vid WHERE n.nid = %(nid)s
"""
_MEMBER: Final = """
    JOIN {node} m ON m.nid = w.web_server_nid
    JOIN {hosting_service} v ON v.vid = m.vid AND v.service = 'http' AND v.available = 1
    JOIN {hosting_context} c ON c.nid = m.nid
"""
CLUSTER_MEMBERS: Final = f"""
    SELECT c.name FROM {{node}} n JOIN {{hosting_web_cluster}} w ON w.vid = n.vid {_MEMBER}
    WHERE n.nid = %(nid)s ORDER BY w.web_server_nid
"""  # noqa: S608 (put together from constants)
PACK_MEMBERS: Final = f"""
    SELECT c.name FROM {{node}} n JOIN {{hosting_web_pack}} w ON w.vid = n.vid {_MEMBER}
    WHERE n.nid = %(nid)s AND w.type = %(type)s ORDER BY w.web_server_nid
"""  # noqa: S608 (put together from constants)
SITE_ALIASES: Final = """
    SELECT a.alias, a.redirection FROM {node} n JOIN {hosting_site_alias} a ON a.vid = n.vid
    WHERE n.nid = %(nid)s
"""
SITE_SSL: Final = """
    SELECT s.ssl_enabled, s.ssl_key FROM {node} n JOIN {hosting_ssl_site} s ON s.vid = n.vid WHERE n.nid = %(nid)s
"""
CERTIFICATE: Final = "SELECT ssl_key FROM {hosting_ssl_cert} WHERE cid = %(cid)s"
CERTIFICATE_ADDRESSES: Final = """
    SELECT c.name, i.ip_address FROM {hosting_ssl_cert_ips} s
    JOIN {hosting_ip_addresses} i ON i.id = s.ip_address
    JOIN {hosting_context} c ON c.nid = i.nid
    WHERE s.cid = %(cid)s
"""
SERVER_DATA: Final = """
    SELECT d.server_data AS data FROM {node} n JOIN {hosting_server_data} d ON d.vid = n.vid WHERE n.nid = %(nid)s
"""
SITE_DATA: Final = """
    SELECT d.site_data AS data FROM {node} n JOIN {hosting_site_data} d ON d.vid = n.vid WHERE n.nid = %(nid)s
"""
USER_MAIL: Final = "SELECT mail FROM {users} WHERE uid = %(uid)s"
BACKUP_FILE: Final = "SELECT filename FROM {hosting_site_backups} WHERE bid = %(bid)s"
PROFILE_ON_PLATFORM: Final = """
    SELECT p.short_name FROM {hosting_package_instance} i
    JOIN {node} n ON n.nid = i.package_id JOIN {hosting_package} p ON p.vid = n.vid
    WHERE i.rid = %(platform)s AND p.short_name = %(name)s LIMIT 1
"""
PROFILE_SUCCESSOR: Final = """
    SELECT p.short_name FROM {hosting_package_instance} i
    JOIN {node} n ON n.nid = i.package_id JOIN {hosting_package} p ON p.vid = n.vid
    WHERE i.rid = %(platform)s AND p.old_short_name = %(name)s LIMIT 1
"""
