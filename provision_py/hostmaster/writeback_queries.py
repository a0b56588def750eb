"""The SQL of the write-back: what the outcome of a task changes, each statement under a name.

A value of None leaves its column alone. Sites are updated by revision, platforms and servers by node id, as the front
end does. Packages have their own file (:mod:`.package_queries`).
"""

from __future__ import annotations

from typing import Final

# Sites (site/hosting_site.nodeapi.inc)

CHANGE_SITE: Final = """
    UPDATE {hosting_site} SET
      status = COALESCE(%(status)s, status),
      verified = COALESCE(%(verified)s, verified),
      db_name = COALESCE(%(db_name)s, db_name),
      cron_key = COALESCE(%(cron_key)s, cron_key)
    WHERE vid = %(vid)s
"""
PLACE_SITE: Final = """
    UPDATE {hosting_site} SET client = %(client)s, db_server = %(db_server)s, platform = %(platform)s,
      profile = %(profile)s, language = %(language)s
    WHERE vid = %(vid)s
"""
INSERT_SITE: Final = """
    INSERT INTO {hosting_site}
      (vid, nid, client, db_server, db_name, platform, profile, language, last_cron, cron_key, verified, status)
    VALUES (%(vid)s, %(nid)s, %(client)s, %(db_server)s, '', %(platform)s, 0, 'en', 0, '', 0, 0)
"""
SITE_OF_NAME: Final = """
    SELECT n.nid FROM {node} n JOIN {hosting_site} s ON s.vid = n.vid
    WHERE n.type = 'site' AND s.status <> -2 AND n.title = %(name)s LIMIT 1
"""
SITE_OF_ALIAS: Final = """
    SELECT n.nid FROM {hosting_site_alias} a JOIN {node} n ON n.vid = a.vid JOIN {hosting_site} s ON s.vid = n.vid
    WHERE s.status <> -2 AND a.alias = %(name)s LIMIT 1
"""
PROFILE_ON_PLATFORM: Final = """
    SELECT p.nid FROM {hosting_package_instance} i
    JOIN {hosting_package} p ON p.nid = i.package_id
    JOIN {node} n ON n.nid = i.rid
    WHERE i.rid = %(platform)s AND n.type = 'platform' AND p.package_type = 'profile' AND p.short_name = %(name)s
    ORDER BY i.iid LIMIT 1
"""

# Names of sites (alias/hosting_alias.module)

SITE_ALIASES: Final = """
    SELECT alias, automatic, redirection FROM {hosting_site_alias} WHERE vid = %(vid)s ORDER BY alias, automatic
"""
REMOVE_SITE_ALIASES: Final = "DELETE FROM {hosting_site_alias} WHERE vid = %(vid)s AND nid = %(nid)s"
ADD_SITE_ALIASES: Final = """
    INSERT INTO {hosting_site_alias} (vid, nid, alias, automatic, redirection)
    VALUES (%(vid)s, %(nid)s, %(alias)s, %(automatic)s, %(redirection)s)
"""

# Encryption (web_server/ssl/hosting_ssl.nodeapi.inc)

SITE_SSL: Final = "SELECT ssl_enabled, ssl_key FROM {hosting_ssl_site} WHERE vid = %(vid)s"
ADD_SITE_SSL: Final = (
    "INSERT INTO {hosting_ssl_site} (vid, nid, ssl_enabled, ssl_key) VALUES (%(vid)s, %(nid)s, 0, 0)"
)
UNLINK_CERTIFICATE: Final = "UPDATE {hosting_ssl_site} SET ssl_key = 0 WHERE vid = %(vid)s"
OTHER_SITE_WITH_CERTIFICATE: Final = """
    SELECT n.nid FROM {hosting_ssl_site} c JOIN {node} n ON n.vid = c.vid JOIN {hosting_site} s ON s.vid = n.vid
    WHERE c.ssl_key = %(cid)s AND c.ssl_enabled <> 0 AND s.status <> -2 AND n.nid <> %(nid)s LIMIT 1
"""
REMOVE_CERTIFICATE: Final = "DELETE FROM {hosting_ssl_cert} WHERE cid = %(cid)s"
REMOVE_CERTIFICATE_ADDRESSES: Final = "DELETE FROM {hosting_ssl_cert_ips} WHERE cid = %(cid)s"

# Backups (site/hosting_site.backups.inc)

ADD_BACKUP: Final = """
    INSERT INTO {hosting_site_backups} (site, web_server, description, filename, size, timestamp)
    VALUES (%(site)s, %(web_server)s, %(description)s, %(filename)s, %(size)s, %(now)s)
"""
REMOVE_BACKUP: Final = "DELETE FROM {hosting_site_backups} WHERE bid = %(bid)s AND site = %(site)s"

# Login links and other cached values (Drupal's includes/cache.inc)

CACHE: Final = """
    INSERT INTO {cache} (cid, data, expire, created, serialized)
    VALUES (%(cid)s, %(data)s, %(expire)s, %(now)s, 1)
    ON DUPLICATE KEY UPDATE data = VALUES(data), expire = VALUES(expire), created = VALUES(created), serialized = 1
"""
FORGET_CACHED: Final = "DELETE FROM {cache} WHERE cid = %(cid)s"

# Platforms (platform/hosting_platform.module)

CHANGE_PLATFORM: Final = """
    UPDATE {hosting_platform} SET status = COALESCE(%(status)s, status), verified = COALESCE(%(verified)s, verified)
    WHERE nid = %(nid)s
"""
CLOSE_PLATFORM: Final = "DELETE FROM {hosting_platform_client_access} WHERE pid = %(nid)s"

# Servers (server/hosting_server.module)

CHANGE_SERVER: Final = """
    UPDATE {hosting_server} SET status = COALESCE(%(status)s, status), verified = COALESCE(%(verified)s, verified)
    WHERE nid = %(nid)s
"""
REMOVE_SERVICES: Final = "DELETE FROM {hosting_service} WHERE nid = %(nid)s"
PLATFORMS_ON_SERVER: Final = """
    SELECT n.nid, p.status FROM {node} n JOIN {hosting_platform} p ON p.vid = n.vid
    WHERE n.type = 'platform' AND p.status <> -2 AND p.web_server = %(nid)s ORDER BY n.nid
"""

# Clients (client/hosting_client.module)

CLIENT_OF_NAME: Final = """
    SELECT n.nid FROM {hosting_client} c JOIN {node} n ON n.vid = c.vid WHERE c.uname = %(uname)s LIMIT 1
"""
INSERT_CLIENT: Final = "INSERT INTO {hosting_client} (vid, nid, uname) VALUES (%(vid)s, %(nid)s, %(uname)s)"
