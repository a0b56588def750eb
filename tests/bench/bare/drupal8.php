<?php

/**
 * @file
 * What a verify or an install of a site asks of Drupal 8 and later, without a hosting system around it.
 *
 * php drupal8.php verify|install DOCROOT URI PROFILE, credentials in the environment as db_name, db_user …
 */

use Drupal\Core\DrupalKernel;
use Drupal\Core\Site\Settings;
use Symfony\Component\HttpFoundation\Request;
use Symfony\Component\Routing\Route;

list(, $action, $docroot, $uri, $profile) = $argv;
foreach (['db_type', 'db_host', 'db_port', 'db_name', 'db_user', 'db_passwd'] as $name) {
    $_SERVER[$name] = getenv($name);
}
$_SERVER = [
    'HTTP_HOST' => $uri,
    'SERVER_NAME' => $uri,
    'SERVER_PORT' => '80',
    'REMOTE_ADDR' => '127.0.0.1',
    'REQUEST_METHOD' => 'GET',
    'REQUEST_URI' => '/',
    'SCRIPT_NAME' => '/index.php',
    'SCRIPT_FILENAME' => "$docroot/index.php",
    'PHP_SELF' => '/index.php',
    'SERVER_SOFTWARE' => 'none',
] + $_SERVER;
chdir($docroot);
$loader = require "$docroot/autoload.php";
DrupalKernel::bootEnvironment($docroot);

if ($action === 'install') {
    // Nobody listens there: what the installer would ask of the network fails at once.
    putenv('HTTP_PROXY=http://127.0.0.1:9');
    putenv('HTTPS_PROXY=http://127.0.0.1:9');
    require_once "$docroot/core/includes/install.core.inc";
    install_drupal($loader, [
        'interactive' => false,
        'site_path' => "sites/$uri",
        'parameters' => ['profile' => $profile, 'langcode' => 'en'],
        'forms' => [
            'install_configure_form' => [
                'site_name' => $uri,
                'site_mail' => 'admin@example.test',
                'account' => [
                    'name' => 'admin',
                    'mail' => 'admin@example.test',
                    'pass' => ['pass1' => 'bench-of-tests', 'pass2' => 'bench-of-tests'],
                ],
                'enable_update_status_module' => true,
                'enable_update_status_emails' => true,
            ],
        ],
    ]);
    // Only now is there a site to start.
    foreach (['db_type', 'db_host', 'db_port', 'db_name', 'db_user', 'db_passwd'] as $name) {
        $_SERVER[$name] = getenv($name);
    }
}
Settings::initialize($docroot, "sites/$uri", $loader);
$kernel = new DrupalKernel('prod', $loader, true, $docroot);
$kernel->setSitePath("sites/$uri");
$kernel->boot();
$request = Request::createFromGlobals();
$request->attributes->set('_route', '<none>');
$request->attributes->set('_route_object', new Route('<none>'));
$kernel->preHandle($request);
drupal_flush_all_caches();
$extensions = \Drupal::configFactory()->getEditable('core.extension');
$packages = [
    $extensions->get('profile'),
    $extensions->get('module'),
    $extensions->get('theme'),
    \Drupal::keyValue('system.schema')->getAll(),
];
echo strlen(json_encode($packages)), ' ', \Drupal::state()->get('system.cron_key'), "\ndone\n";
