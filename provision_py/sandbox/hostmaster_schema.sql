-- The tables of a front end ("hostmaster", Drupal 7 with the hosting modules) that a backend reads and writes,
-- for the sandbox and the tests. Column types and keys are those of a current installation; tables that no backend
-- touches (menus, forms, blocks, fields …) are left out, as are indexes that only pages of the front end need.
-- Loads into an empty database: mariadb DATABASE < hostmaster_schema.sql

SET NAMES utf8mb4;

-- Drupal core ---------------------------------------------------------------------------------------------------

CREATE TABLE node (
  nid INT UNSIGNED NOT NULL AUTO_INCREMENT,
  vid INT UNSIGNED DEFAULT NULL,
  type VARCHAR(32) NOT NULL DEFAULT '',
  language VARCHAR(12) NOT NULL DEFAULT '',
  title VARCHAR(255) NOT NULL DEFAULT '',
  uid INT NOT NULL DEFAULT 0,
  status INT NOT NULL DEFAULT 1,
  created INT NOT NULL DEFAULT 0,
  changed INT NOT NULL DEFAULT 0,
  comment INT NOT NULL DEFAULT 0,
  promote INT NOT NULL DEFAULT 0,
  sticky INT NOT NULL DEFAULT 0,
  tnid INT UNSIGNED NOT NULL DEFAULT 0,
  translate INT NOT NULL DEFAULT 0,
  PRIMARY KEY (nid),
  UNIQUE KEY vid (vid),
  KEY node_changed (changed),
  KEY node_status_type (status, type, nid),
  KEY node_title_type (title, type(4)),
  KEY node_type (type(4)),
  KEY uid (uid)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci ROW_FORMAT=DYNAMIC;

-- The AUTO_INCREMENT of this table numbers the revisions of all node types.
CREATE TABLE node_revision (
  nid INT UNSIGNED NOT NULL DEFAULT 0,
  vid INT UNSIGNED NOT NULL AUTO_INCREMENT,
  uid INT NOT NULL DEFAULT 0,
  title VARCHAR(255) NOT NULL DEFAULT '',
  log LONGTEXT NOT NULL,
  timestamp INT NOT NULL DEFAULT 0,
  status INT NOT NULL DEFAULT 1,
  comment INT NOT NULL DEFAULT 0,
  promote INT NOT NULL DEFAULT 0,
  sticky INT NOT NULL DEFAULT 0,
  PRIMARY KEY (vid),
  KEY nid (nid),
  KEY uid (uid)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci ROW_FORMAT=DYNAMIC;

CREATE TABLE node_access (
  nid INT UNSIGNED NOT NULL DEFAULT 0,
  gid INT UNSIGNED NOT NULL DEFAULT 0,
  realm VARCHAR(255) NOT NULL DEFAULT '',
  grant_view TINYINT UNSIGNED NOT NULL DEFAULT 0,
  grant_update TINYINT UNSIGNED NOT NULL DEFAULT 0,
  grant_delete TINYINT UNSIGNED NOT NULL DEFAULT 0,
  PRIMARY KEY (nid, gid, realm)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci ROW_FORMAT=DYNAMIC;

CREATE TABLE users (
  uid INT UNSIGNED NOT NULL DEFAULT 0,
  name VARCHAR(60) NOT NULL DEFAULT '',
  pass VARCHAR(128) NOT NULL DEFAULT '',
  mail VARCHAR(254) DEFAULT '',
  theme VARCHAR(255) NOT NULL DEFAULT '',
  signature VARCHAR(255) NOT NULL DEFAULT '',
  signature_format VARCHAR(255) DEFAULT NULL,
  created INT NOT NULL DEFAULT 0,
  changed INT NOT NULL DEFAULT 0,
  access INT NOT NULL DEFAULT 0,
  login INT NOT NULL DEFAULT 0,
  status TINYINT NOT NULL DEFAULT 0,
  timezone VARCHAR(32) DEFAULT NULL,
  language VARCHAR(12) NOT NULL DEFAULT '',
  picture INT NOT NULL DEFAULT 0,
  init VARCHAR(254) DEFAULT '',
  data LONGBLOB DEFAULT NULL,
  PRIMARY KEY (uid),
  UNIQUE KEY name (name),
  KEY mail (mail)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci ROW_FORMAT=DYNAMIC;

CREATE TABLE variable (
  name VARCHAR(128) NOT NULL DEFAULT '',
  value LONGBLOB NOT NULL,
  PRIMARY KEY (name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci ROW_FORMAT=DYNAMIC;

CREATE TABLE semaphore (
  name VARCHAR(255) NOT NULL DEFAULT '',
  value VARCHAR(255) NOT NULL DEFAULT '',
  expire DOUBLE NOT NULL,
  PRIMARY KEY (name),
  KEY value (value),
  KEY expire (expire)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci ROW_FORMAT=DYNAMIC;

CREATE TABLE `system` (
  filename VARCHAR(255) NOT NULL DEFAULT '',
  name VARCHAR(255) NOT NULL DEFAULT '',
  type VARCHAR(12) NOT NULL DEFAULT '',
  owner VARCHAR(255) NOT NULL DEFAULT '',
  status INT NOT NULL DEFAULT 0,
  bootstrap INT NOT NULL DEFAULT 0,
  schema_version SMALLINT NOT NULL DEFAULT -1,
  weight INT NOT NULL DEFAULT 0,
  info BLOB DEFAULT NULL,
  PRIMARY KEY (filename),
  KEY system_list (status, bootstrap, type, weight, name),
  KEY type_name (type, name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci ROW_FORMAT=DYNAMIC;

CREATE TABLE url_alias (
  pid INT UNSIGNED NOT NULL AUTO_INCREMENT,
  source VARCHAR(255) NOT NULL DEFAULT '',
  alias VARCHAR(255) NOT NULL DEFAULT '',
  language VARCHAR(12) NOT NULL DEFAULT '',
  PRIMARY KEY (pid),
  KEY alias_language_pid (alias, language, pid),
  KEY source_language_pid (source, language, pid)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci ROW_FORMAT=DYNAMIC;

CREATE TABLE cache (
  cid VARCHAR(255) NOT NULL DEFAULT '',
  data LONGBLOB DEFAULT NULL,
  expire INT NOT NULL DEFAULT 0,
  created INT NOT NULL DEFAULT 0,
  serialized SMALLINT NOT NULL DEFAULT 0,
  PRIMARY KEY (cid),
  KEY expire (expire)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci ROW_FORMAT=DYNAMIC;

CREATE TABLE cache_bootstrap (
  cid VARCHAR(255) NOT NULL DEFAULT '',
  data LONGBLOB DEFAULT NULL,
  expire INT NOT NULL DEFAULT 0,
  created INT NOT NULL DEFAULT 0,
  serialized SMALLINT NOT NULL DEFAULT 0,
  PRIMARY KEY (cid),
  KEY expire (expire)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci ROW_FORMAT=DYNAMIC;

CREATE TABLE history (
  uid INT NOT NULL DEFAULT 0,
  nid INT UNSIGNED NOT NULL DEFAULT 0,
  timestamp INT NOT NULL DEFAULT 0,
  PRIMARY KEY (uid, nid),
  KEY nid (nid)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci ROW_FORMAT=DYNAMIC;

-- hosting, hosting_task -----------------------------------------------------------------------------------------

CREATE TABLE hosting_context (
  nid INT UNSIGNED NOT NULL DEFAULT 0,
  name VARCHAR(235) NOT NULL,
  PRIMARY KEY (nid),
  UNIQUE KEY name (name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci ROW_FORMAT=DYNAMIC;

-- One row per revision of a task; only the row of the node's current revision counts.
CREATE TABLE hosting_task (
  vid INT UNSIGNED NOT NULL DEFAULT 0,
  nid INT UNSIGNED NOT NULL DEFAULT 0,
  task_type LONGTEXT DEFAULT NULL,
  rid INT NOT NULL DEFAULT 0,
  task_status INT DEFAULT NULL,
  executed INT DEFAULT NULL,
  delta INT DEFAULT NULL,
  PRIMARY KEY (vid),
  KEY nid (nid)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci ROW_FORMAT=DYNAMIC;

CREATE TABLE hosting_task_arguments (
  vid INT UNSIGNED NOT NULL DEFAULT 0,
  nid INT UNSIGNED NOT NULL DEFAULT 0,
  name LONGTEXT DEFAULT NULL,
  value LONGTEXT DEFAULT NULL,
  KEY vid (vid),
  KEY nid (nid)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci ROW_FORMAT=DYNAMIC;

CREATE TABLE hosting_task_log (
  lid INT NOT NULL AUTO_INCREMENT,
  vid INT NOT NULL DEFAULT 0,
  nid INT UNSIGNED NOT NULL DEFAULT 0,
  type VARCHAR(16) NOT NULL DEFAULT '',
  message LONGTEXT NOT NULL,
  error LONGTEXT NOT NULL,
  timestamp INT NOT NULL DEFAULT 0,
  PRIMARY KEY (lid),
  KEY type (type),
  KEY vid_lid (vid, lid),
  KEY nid (nid)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci ROW_FORMAT=DYNAMIC;

-- Servers -------------------------------------------------------------------------------------------------------

CREATE TABLE hosting_server (
  vid INT UNSIGNED NOT NULL DEFAULT 0,
  nid INT UNSIGNED NOT NULL DEFAULT 0,
  human_name TINYTEXT DEFAULT NULL,
  verified INT NOT NULL DEFAULT 0,
  status TINYINT NOT NULL DEFAULT 0,
  PRIMARY KEY (vid)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci ROW_FORMAT=DYNAMIC;

CREATE TABLE hosting_service (
  vid INT UNSIGNED NOT NULL DEFAULT 0,
  nid INT UNSIGNED NOT NULL DEFAULT 0,
  service TINYTEXT NOT NULL,
  type TINYTEXT NOT NULL,
  restart_cmd LONGTEXT DEFAULT NULL,
  port INT UNSIGNED DEFAULT 0,
  available SMALLINT NOT NULL DEFAULT 1,
  KEY vid (vid)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci ROW_FORMAT=DYNAMIC;

CREATE TABLE hosting_ip_addresses (
  nid INT UNSIGNED NOT NULL DEFAULT 0,
  ip_address TINYTEXT NOT NULL,
  id INT UNSIGNED NOT NULL AUTO_INCREMENT,
  PRIMARY KEY (id),
  KEY nid (nid)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci ROW_FORMAT=DYNAMIC;

CREATE TABLE hosting_db_server (
  vid INT UNSIGNED NOT NULL DEFAULT 0,
  nid INT UNSIGNED NOT NULL DEFAULT 0,
  db_user LONGTEXT NOT NULL,
  db_passwd LONGTEXT NOT NULL,
  PRIMARY KEY (vid)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci ROW_FORMAT=DYNAMIC;

CREATE TABLE hosting_web_cluster (
  vid INT UNSIGNED NOT NULL DEFAULT 0,
  nid INT UNSIGNED NOT NULL DEFAULT 0,
  web_server_nid INT UNSIGNED NOT NULL DEFAULT 0,
  PRIMARY KEY (vid, web_server_nid)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci ROW_FORMAT=DYNAMIC;

CREATE TABLE hosting_web_pack (
  vid INT UNSIGNED NOT NULL DEFAULT 0,
  nid INT UNSIGNED NOT NULL DEFAULT 0,
  web_server_nid INT UNSIGNED NOT NULL DEFAULT 0,
  type VARCHAR(60) NOT NULL DEFAULT 'slave',
  PRIMARY KEY (vid, web_server_nid)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci ROW_FORMAT=DYNAMIC;

CREATE TABLE hosting_ssl_server (
  vid INT UNSIGNED NOT NULL DEFAULT 0,
  nid INT UNSIGNED NOT NULL DEFAULT 0,
  ssl_port INT UNSIGNED NOT NULL DEFAULT 0,
  PRIMARY KEY (vid, nid)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci ROW_FORMAT=DYNAMIC;

-- Platforms and packages ----------------------------------------------------------------------------------------

CREATE TABLE hosting_platform (
  vid INT UNSIGNED NOT NULL DEFAULT 0,
  nid INT UNSIGNED NOT NULL DEFAULT 0,
  publish_path LONGTEXT DEFAULT NULL,
  makefile LONGTEXT DEFAULT NULL,
  web_server INT NOT NULL DEFAULT 0,
  verified INT NOT NULL DEFAULT 0,
  status TINYINT NOT NULL DEFAULT 0,
  make_working_copy INT UNSIGNED NOT NULL DEFAULT 0,
  PRIMARY KEY (vid)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci ROW_FORMAT=DYNAMIC;

-- No row for a platform: open to all clients.
CREATE TABLE hosting_platform_client_access (
  pid INT UNSIGNED NOT NULL DEFAULT 0,
  cid INT UNSIGNED NOT NULL DEFAULT 0
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci ROW_FORMAT=DYNAMIC;

CREATE TABLE hosting_package (
  vid INT NOT NULL DEFAULT 0,
  nid INT UNSIGNED NOT NULL DEFAULT 0,
  package_type VARCHAR(16) NOT NULL DEFAULT '',
  short_name VARCHAR(255) NOT NULL DEFAULT '',
  old_short_name VARCHAR(255) NOT NULL DEFAULT '',
  description LONGTEXT NOT NULL,
  PRIMARY KEY (vid),
  KEY hosting_package_nid_idx (nid)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci ROW_FORMAT=DYNAMIC;

-- rid: a platform's or site's nid, or the iid of a profile's instance.
CREATE TABLE hosting_package_instance (
  iid INT NOT NULL AUTO_INCREMENT,
  rid INT NOT NULL DEFAULT 0,
  package_id INT NOT NULL DEFAULT 0,
  filename TEXT NOT NULL,
  schema_version INT NOT NULL DEFAULT 0,
  version VARCHAR(255) NOT NULL DEFAULT '',
  version_code BIGINT NOT NULL DEFAULT 0,
  status INT NOT NULL DEFAULT 0,
  platform INT NOT NULL DEFAULT 0,
  PRIMARY KEY (iid),
  KEY hosting_package_rid_idx (rid),
  KEY hosting_package_id_idx (package_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci ROW_FORMAT=DYNAMIC;

CREATE TABLE hosting_package_languages (
  iid INT NOT NULL,
  language VARCHAR(12) NOT NULL DEFAULT ''
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci ROW_FORMAT=DYNAMIC;

-- Sites ---------------------------------------------------------------------------------------------------------

CREATE TABLE hosting_site (
  vid INT UNSIGNED NOT NULL DEFAULT 0,
  nid INT UNSIGNED NOT NULL DEFAULT 0,
  client INT NOT NULL DEFAULT 0,
  db_server INT NOT NULL DEFAULT 0,
  db_name VARCHAR(64) DEFAULT '',
  platform INT NOT NULL DEFAULT 0,
  profile INT NOT NULL DEFAULT 0,
  language VARCHAR(10) NOT NULL DEFAULT 'en',
  last_cron INT DEFAULT NULL,
  cron_key VARCHAR(80) DEFAULT '',
  verified INT NOT NULL DEFAULT 0,
  status TINYINT NOT NULL DEFAULT 0,
  PRIMARY KEY (vid)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci ROW_FORMAT=DYNAMIC;

CREATE TABLE hosting_site_alias (
  vid INT NOT NULL DEFAULT 0,
  nid INT UNSIGNED NOT NULL DEFAULT 0,
  alias VARCHAR(128) NOT NULL,
  automatic INT NOT NULL DEFAULT 0,
  redirection VARCHAR(255) NOT NULL,
  KEY vid (vid),
  KEY alias (alias)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci ROW_FORMAT=DYNAMIC;

CREATE TABLE hosting_site_backups (
  bid INT NOT NULL AUTO_INCREMENT,
  site INT NOT NULL DEFAULT 0,
  web_server INT NOT NULL DEFAULT 0,
  description LONGTEXT DEFAULT NULL,
  filename LONGTEXT DEFAULT NULL,
  size BIGINT DEFAULT NULL,
  timestamp INT DEFAULT NULL,
  PRIMARY KEY (bid)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci ROW_FORMAT=DYNAMIC;

CREATE TABLE hosting_ssl_site (
  vid INT UNSIGNED NOT NULL DEFAULT 0,
  nid INT UNSIGNED NOT NULL DEFAULT 0,
  ssl_enabled INT UNSIGNED NOT NULL DEFAULT 0,
  ssl_key INT UNSIGNED NOT NULL DEFAULT 0,
  PRIMARY KEY (vid, nid)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci ROW_FORMAT=DYNAMIC;

CREATE TABLE hosting_ssl_cert (
  cid INT UNSIGNED NOT NULL AUTO_INCREMENT,
  ssl_key MEDIUMTEXT NOT NULL,
  client INT UNSIGNED NOT NULL DEFAULT 0,
  status INT UNSIGNED NOT NULL DEFAULT 0,
  PRIMARY KEY (cid),
  KEY ssl_key (ssl_key(50))
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci ROW_FORMAT=DYNAMIC;

CREATE TABLE hosting_ssl_cert_ips (
  cid INT UNSIGNED NOT NULL DEFAULT 0,
  ip_address INT UNSIGNED NOT NULL DEFAULT 0,
  KEY cid (cid),
  KEY ip_address (ip_address)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci ROW_FORMAT=DYNAMIC;

-- Clients -------------------------------------------------------------------------------------------------------

CREATE TABLE hosting_client (
  vid INT UNSIGNED NOT NULL DEFAULT 0,
  nid INT UNSIGNED NOT NULL DEFAULT 0,
  uname VARCHAR(255) NOT NULL DEFAULT '',
  PRIMARY KEY (vid),
  UNIQUE KEY uname_unq (uname)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci ROW_FORMAT=DYNAMIC;

CREATE TABLE hosting_client_user (
  user INT UNSIGNED NOT NULL DEFAULT 0,
  client INT UNSIGNED NOT NULL DEFAULT 0,
  contact_type VARCHAR(255) NOT NULL DEFAULT '',
  PRIMARY KEY (user, client)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci ROW_FORMAT=DYNAMIC;

CREATE TABLE hosting_client_quota (
  client INT UNSIGNED NOT NULL DEFAULT 0,
  resource VARCHAR(255) NOT NULL DEFAULT '',
  value VARCHAR(255) NOT NULL DEFAULT '',
  PRIMARY KEY (client, resource)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci ROW_FORMAT=DYNAMIC;
