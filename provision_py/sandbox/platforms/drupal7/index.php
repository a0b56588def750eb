<?php

define('DRUPAL_ROOT', getcwd());
require_once DRUPAL_ROOT . '/includes/bootstrap.inc';
try {
    drupal_bootstrap(DRUPAL_BOOTSTRAP_FULL);
} catch (PDOException $error) {
    http_response_code(500);
    header('Content-Type: text/html; charset=utf-8');
    print '<!DOCTYPE html><title>Error</title><p>The database cannot be used.</p>';
    exit;
}
$path = isset($_GET['q']) ? $_GET['q'] : substr((string) parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH), strlen($GLOBALS['base_path']));
$path = trim(preg_replace('#^index\.php/?#', '', (string) $path), '/');
if (variable_get('maintenance_mode', 0) && strpos($path, 'user') !== 0) {
    _stand_in_page('Site under maintenance', '<p>The site is under maintenance.</p>', 503);
} elseif ($path === '' || $path === 'node') {
    _stand_in_page('Welcome', '<p>Nothing has been written here yet.</p>');
} elseif (preg_match('#^user/reset/(\d+)/(\d+)/([\w-]+)/login$#', $path, $match)) {
    $account = user_load($match[1]);
    if ($account && hash_equals(user_pass_rehash($account, $match[2]), $match[3])) {
        header('Location: ' . url("user/$account->uid/edit", ['absolute' => true]), true, 302);
    } else {
        _stand_in_page('Access denied', '<p>This link is of no use.</p>', 403);
    }
} elseif ($path === 'user' || $path === 'user/login') {
    _stand_in_page('User account', '<form id="user-login" method="post"><input name="name" /></form>');
} elseif (strpos($path, 'system/files/') === 0) {
    _stand_in_page('Access denied', '<p>This file is private.</p>', 403);
} else {
    _stand_in_page('Page not found', '<p>There is no such page.</p>', 404);
}
