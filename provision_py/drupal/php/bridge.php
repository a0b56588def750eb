<?php

/**
 * @file
 * Runs one job inside one Drupal site: start Drupal once, do the operations in order, tell what came of them.
 *
 * The job is JSON on stdin (see provision_py/drupal/bridge.py); a loader that passes our code along leaves it in a
 * global instead. Nothing of Drush is needed and nothing is written but what Drupal itself writes.
 */

if (!class_exists('ProvisionBridgeChannel', false)) {
    require __DIR__ . '/channel.php';
    require __DIR__ . '/family.php';
    require __DIR__ . '/drupal7.php';
    require __DIR__ . '/drupal8.php';
}

(static function () {
    $job = isset($GLOBALS['provision_bridge_job'])
        ? $GLOBALS['provision_bridge_job']
        : json_decode(stream_get_contents(STDIN), true);
    unset($GLOBALS['provision_bridge_job']);
    if (!is_array($job) || empty($job['nonce'])) {
        fwrite(STDERR, "The job is not readable\n");
        exit(2);
    }
    $channel = new ProvisionBridgeChannel($job['nonce'], $job['docroot'], $job['secrets']);
    try {
        $drupal = $job['major'] >= 8
            ? new ProvisionBridgeDrupal8($job, $channel)
            : new ProvisionBridgeDrupal7($job, $channel);
        $operations = $job['operations'];
        // Neither a backtrace nor a dump of variables shall find the password later.
        unset($job);
        foreach ($operations as $operation) {
            $channel->begin($operation['op']);
            $channel->result($operation['op'], $drupal->perform($operation['op'], $operation['args']));
        }
        $channel->end();
    } catch (\Throwable $error) {
        $channel->failWith($error);
        exit(1);
    }
})();
