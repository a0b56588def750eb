"""The SQL of the package tables: ``hosting_package`` and its nodes, instances and languages."""

from __future__ import annotations

from typing import Final

PACKAGES: Final = """
SELECT p.nid, n.vid, p.package_type, p.short_name, p.old_short_name, p.description, n.title
FROM {hosting_package} p JOIN {node} n ON n.nid = p.nid
ORDER BY p.vid
"""

# Two verifies that find the same new module must not both add it: the second waits here for the first, and reads
# what that one has committed.
PACKAGES_FOR_UPDATE: Final = f"{PACKAGES} FOR UPDATE"

# The driver sends one statement for many rows only where every value is a parameter; other columns have defaults.
ADD_REVISIONS: Final = """
INSERT INTO {node_revision} (uid, title, log, timestamp, status)
VALUES (%(acting_uid)s, %(title)s, %(log)s, %(now)s, %(status)s)
"""
UNCLAIMED_REVISIONS: Final = (
    "SELECT vid, title FROM {node_revision} WHERE nid = 0 AND timestamp = %(now)s ORDER BY vid"
)
ADD_NODES: Final = """
INSERT INTO {node} (vid, type, title, uid, status, created, changed)
VALUES (%(vid)s, %(type)s, %(title)s, %(uid)s, %(status)s, %(now)s, %(now)s)
"""
NIDS_OF_REVISIONS: Final = "SELECT nid, vid FROM {node} WHERE vid IN %(vids)s"
CLAIM_REVISIONS: Final = """
UPDATE {node_revision} r JOIN {node} n ON n.vid = r.vid SET r.nid = n.nid WHERE r.vid IN %(vids)s AND r.nid = 0
"""
ADD_PACKAGES: Final = """
INSERT INTO {hosting_package} (vid, nid, package_type, short_name, old_short_name, description)
VALUES (%(vid)s, %(nid)s, %(type)s, %(short_name)s, %(old_short_name)s, %(description)s)
"""
PUBLISH_PACKAGES: Final = """
INSERT INTO {node_access} (nid, realm, grant_view) VALUES (%(nid)s, %(realm)s, %(grant_view)s)
"""
CHANGE_PACKAGE: Final = """
UPDATE {hosting_package} SET old_short_name = %(old_short_name)s, description = %(description)s WHERE nid = %(nid)s
"""

INSTANCES: Final = """
SELECT iid, rid, package_id, filename, schema_version, version, version_code, status, platform
FROM {hosting_package_instance} WHERE rid IN %(rids)s ORDER BY iid
"""
ADD_INSTANCES: Final = """
INSERT INTO {hosting_package_instance}
  (rid, package_id, filename, schema_version, version, version_code, status, platform)
VALUES (%(rid)s, %(package_id)s, %(filename)s, %(schema_version)s, %(version)s, %(version_code)s, %(status)s,
  %(platform)s)
"""
# One statement for all rows. Every iid exists, so nothing is inserted.
CHANGE_INSTANCES: Final = """
INSERT INTO {hosting_package_instance}
  (iid, rid, package_id, filename, schema_version, version, version_code, status, platform)
VALUES (%(iid)s, %(rid)s, %(package_id)s, %(filename)s, %(schema_version)s, %(version)s, %(version_code)s, %(status)s,
  %(platform)s)
ON DUPLICATE KEY UPDATE filename = VALUES(filename), schema_version = VALUES(schema_version),
  version = VALUES(version), version_code = VALUES(version_code), status = VALUES(status), platform = VALUES(platform)
"""
REMOVE_INSTANCES: Final = "DELETE FROM {hosting_package_instance} WHERE iid IN %(iids)s"

LANGUAGES: Final = "SELECT iid, language FROM {hosting_package_languages} WHERE iid IN %(iids)s"
REMOVE_LANGUAGES: Final = "DELETE FROM {hosting_package_languages} WHERE iid IN %(iids)s"
ADD_LANGUAGES: Final = "INSERT INTO {hosting_package_languages} (iid, language) VALUES (%(iid)s, %(language)s)"

# Whose package lists are kept under the number of an instance, not of a node.
PROFILE_INSTANCES: Final = """
SELECT i.iid FROM {hosting_package_instance} i JOIN {hosting_package} p ON p.nid = i.package_id
WHERE i.rid = %(rid)s AND p.package_type = 'profile'
"""
NODES_WITH_PACKAGES: Final = "SELECT nid FROM {node} WHERE nid IN %(nids)s AND type IN ('platform', 'site')"
PROFILE_INSTANCE_AT: Final = """
SELECT i.rid FROM {hosting_package_instance} i
JOIN {hosting_package} p ON p.nid = i.package_id
JOIN {node} n ON n.nid = i.rid
WHERE i.iid = %(iid)s AND p.package_type = 'profile' AND n.type = 'platform'
"""
COPY_INSTANCE: Final = """
INSERT INTO {hosting_package_instance}
  (rid, package_id, filename, schema_version, version, version_code, status, platform)
SELECT rid, package_id, filename, schema_version, version, version_code, status, platform
FROM {hosting_package_instance} WHERE iid = %(iid)s
"""
COPY_PACKAGE_LIST: Final = """
INSERT INTO {hosting_package_instance}
  (rid, package_id, filename, schema_version, version, version_code, status, platform)
SELECT %(new)s, package_id, filename, schema_version, version, version_code, 0, platform
FROM {hosting_package_instance} WHERE rid = %(iid)s AND platform = %(platform)s
"""
REMOVE_INSTANCE: Final = "DELETE FROM {hosting_package_instance} WHERE iid = %(iid)s"
MOVE_LANGUAGES: Final = "UPDATE {hosting_package_languages} SET iid = %(new)s WHERE iid = %(iid)s"

# One number for many rows, made by the server: any difference in any column makes it another one. What the server
# cannot compute (a text larger than its packets, a digest that it does not offer) becomes random: it equals nothing.
_DIGEST: Final = (
    "CONCAT(COUNT(*), ':', COALESCE(BIT_XOR(COALESCE(CAST(CONV(LEFT(MD5({row}), 16), 16, 10) AS UNSIGNED),"
    " CAST(FLOOR(RAND() * 9007199254740992) AS UNSIGNED))), 0))"
)
_INSTANCES_DIGEST: Final = _DIGEST.format(
    row="CONCAT(i.iid, '|', i.rid, '|', i.package_id, '|', i.schema_version, '|', i.version_code, '|', i.status, '|',"
    " i.platform, '|', QUOTE(i.version), QUOTE(i.filename))"
)
_PACKAGES_DIGEST: Final = _DIGEST.format(
    row="CONCAT(p.nid, '|', p.vid, '|', n.vid, '|', QUOTE(p.package_type), QUOTE(p.short_name),"
    " QUOTE(p.old_short_name), QUOTE(p.description), QUOTE(n.title))"
)
_LANGUAGES_DIGEST: Final = _DIGEST.format(row="CONCAT(l.iid, QUOTE(l.language))")
# All rows that decide what a sync of a platform writes: its lists (rids), the packages that there were (up to a vid:
# of two with one name the earlier counts), languages, nodes with the number of a profile, a profile with ours.
DIGEST: Final = f"""
SELECT CONCAT_WS(' ',
  (SELECT {_INSTANCES_DIGEST} FROM {{hosting_package_instance}} i WHERE i.rid IN %(rids)s),
  (SELECT {_PACKAGES_DIGEST} FROM {{hosting_package}} p JOIN {{node}} n ON n.nid = p.nid WHERE p.vid <= %(upto)s),
  (SELECT STRAIGHT_JOIN {_LANGUAGES_DIGEST} FROM {{hosting_package_languages}} l
    JOIN {{hosting_package_instance}} i ON i.iid = l.iid WHERE i.rid IN %(rids)s),
  (SELECT COUNT(*) FROM {{node}} WHERE nid IN %(rids)s AND nid <> %(nid)s AND type IN ('platform', 'site')),
  (SELECT COUNT(*) FROM {{hosting_package_instance}} i JOIN {{hosting_package}} p ON p.nid = i.package_id
    WHERE i.iid = %(nid)s AND p.package_type = 'profile')
)
"""  # noqa: S608 (put together from constants)
LAST_PACKAGE: Final = "SELECT MAX(vid) FROM {hosting_package}"
