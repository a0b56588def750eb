<?php

/**
 * @file
 * What a verify or an install of a site asks of Drupal 7, without a hosting system around it.
 *
 * php drupal7.php verify|install DOCROOT URI PROFILE, credentials in the environment as db_name, db_user …
 */

list(, $action, $docroot, $uri, $profile) = $argv;
foreach (['db_type', 'db_host', 'db_port', 'db_name', 'db_user', 'db_passwd'] as $name) {
    $_SERVER[$name] = getenv($name);
}
$_SERVER = [
    'HTTP_HOST' => $uri,
    'SERVER_NAME' => $uri,
    'REMOTE_ADDR' => '127.0.0.1',
    'REQUEST_METHOD' => 'GET',
    'REQUEST_URI' => '/',
    'SCRIPT_NAME' => '/index.php',
    'PHP_SELF' => '/index.php',
    'SERVER_SOFTWARE' => 'none',
] + $_SERVER;
chdir($docroot);
define('DRUPAL_ROOT', $docroot);
require_once DRUPAL_ROOT . '/includes/bootstrap.inc';

function bare_http_request($url, array $options = [])
{
    return (object) ['request' => '', 'code' => -1, 'error' => 'nothing is asked', 'data' => ''];
}

if ($action === 'install') {
    $GLOBALS['conf']['drupal_http_request_function'] = 'bare_http_request';
    define('MAINTENANCE_MODE', 'install');
    // Settings first, as the installer of the stand-in expects; the real one reads them by itself.
    drupal_bootstrap(DRUPAL_BOOTSTRAP_CONFIGURATION);
    $GLOBALS['conf']['drupal_http_request_function'] = 'bare_http_request';
    require_once DRUPAL_ROOT . '/includes/install.core.inc';
    install_drupal([
        'parameters' => ['profile' => $profile, 'locale' => 'en'],
        'forms' => [
            'install_configure_form' => [
                'site_name' => $uri,
                'site_mail' => 'admin@example.test',
                'account' => [
                    'name' => 'admin',
                    'mail' => 'admin@example.test',
                    'pass' => ['pass1' => 'bench-of-tests', 'pass2' => 'bench-of-tests'],
                ],
                'update_status_module' => [1 => true, 2 => true],
                'clean_url' => true,
            ],
        ],
    ]);
} else {
    drupal_bootstrap(DRUPAL_BOOTSTRAP_FULL);
}
drupal_flush_all_caches();
$packages = [];
foreach (db_query('SELECT name, type, status, schema_version, info FROM {system}') as $row) {
    $packages[] = [$row->name, $row->type, $row->status, $row->schema_version, unserialize($row->info)];
}
echo strlen(json_encode($packages)), ' ', variable_get('cron_key', 'drupal'), "\ndone\n";
