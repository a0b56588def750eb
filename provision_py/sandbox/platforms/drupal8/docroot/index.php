<?php

use Drupal\Core\Database\Database;
use Drupal\Core\DrupalKernel;
use Drupal\Core\Site\Settings;
use Symfony\Component\HttpFoundation\Request;

$loader = require_once __DIR__ . '/autoload.php';
$request = Request::createFromGlobals();
$kernel = DrupalKernel::createFromRequest($request, $loader, 'prod', true, __DIR__);
$trusted = false;
foreach (Settings::get('trusted_host_patterns', []) as $pattern) {
    $trusted = $trusted || preg_match("{{$pattern}}i", $request->getHost());
}
if (!$trusted && Settings::get('trusted_host_patterns')) {
    http_response_code(400);
    exit('The provided host name is not valid for this server.');
}
try {
    $installed = Database::getConnectionInfo() && Database::getConnection()->schema()->tableExists('config');
} catch (PDOException $error) {
    http_response_code(500);
    exit('The website encountered an unexpected error. Try again later.');
}
if (!$installed) {
    header('Location: ' . $request->getBasePath() . '/core/install.php', true, 302);
    exit;
}
$kernel->boot();
$kernel->preHandle($request);
Drupal::service('router.request_context')->fromRequest($request);
$path = trim($request->getPathInfo(), '/');
if (Drupal::state()->get('system.maintenance_mode') && strpos($path, 'user') !== 0) {
    stand_in_page('Site under maintenance', '<p>The site is under maintenance.</p>', 503);
} elseif ($path === '' || $path === 'node') {
    stand_in_page('Welcome', '<p>Nothing has been written here yet.</p>');
} elseif (preg_match('#^user/reset/(\d+)/(\d+)/([\w-]+)/login$#', $path, $match)) {
    $account = Drupal::entityTypeManager()->getStorage('user')->load($match[1]);
    if ($account && hash_equals(user_pass_rehash($account, $match[2]), $match[3])) {
        header("Location: " . $request->getBasePath() . "/user/$match[1]/edit", true, 302);
    } else {
        stand_in_page('Access denied', '<p>This link is of no use.</p>', 403);
    }
} elseif ($path === 'user/login') {
    stand_in_page('Log in', '<form class="user-login-form" method="post"><input name="name" /></form>');
} elseif (strpos($path, 'cron/') === 0) {
    if (substr($path, 5) === Drupal::state()->get('system.cron_key')) {
        Drupal::service('cron')->run();
        http_response_code(204);
    } else {
        stand_in_page('Access denied', '<p>The key is wrong.</p>', 403);
    }
} elseif (strpos($path, 'system/files/') === 0) {
    stand_in_page('Access denied', '<p>This file is private.</p>', 403);
} else {
    stand_in_page('Page not found', '<p>There is no such page.</p>', 404);
}
