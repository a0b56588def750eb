<?php

define('DRUPAL_ROOT', getcwd());
require_once DRUPAL_ROOT . '/includes/bootstrap.inc';
drupal_bootstrap(DRUPAL_BOOTSTRAP_FULL);
if (!isset($_GET['cron_key']) || variable_get('cron_key', 'drupal') !== $_GET['cron_key']) {
    _stand_in_page('Access denied', '<p>The key is wrong.</p>', 403);
} else {
    drupal_cron_run();
}
