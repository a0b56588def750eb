<?php

/**
 * @file
 * Drupal 7.
 */

final class ProvisionBridgeDrupal7 extends ProvisionBridgeFamily
{
    private static $active;
    private $configured = false;
    private $started = false;

    protected function start()
    {
        if ($this->started) {
            return;
        }
        $this->configure();
        if (!$this->isInstalled()) {
            $this->refuseUninstalled();
        }
        drupal_bootstrap(DRUPAL_BOOTSTRAP_FULL);
        $this->channel->takeOverErrors();
        $this->started = true;
    }

    /** Reads settings.php; the database is not touched yet. */
    private function configure()
    {
        if ($this->configured) {
            return;
        }
        self::$active = $this;
        define('DRUPAL_ROOT', $this->docroot);
        require_once DRUPAL_ROOT . '/includes/bootstrap.inc';
        // The site's folder is known: no guessing from the host name, which sites.php might lead elsewhere.
        $path = &drupal_static('conf_path', '');
        $path = $this->sitePath;
        drupal_bootstrap(DRUPAL_BOOTSTRAP_CONFIGURATION);
        $this->channel->takeOverErrors();
        require_once DRUPAL_ROOT . '/includes/database/database.inc';
        $this->listenToWatchdog();
        $this->configured = true;
    }

    private function isInstalled()
    {
        return !empty($GLOBALS['databases']) && db_table_exists('system') && db_table_exists('users') && db_table_exists('variable');
    }

    /** Called by watchdog() in place of the hook that the system module does not have. */
    public static function onWatchdog(array $entry)
    {
        $message = $entry['message'];
        if (!empty($entry['variables'])) {
            $message = strtr($message, array_map('strval', array_filter($entry['variables'], 'is_scalar')));
        }
        self::$active->logWatchdog($entry['type'], $entry['severity'], $message);
    }

    private function listenToWatchdog()
    {
        if (!function_exists('system_watchdog')) {
            eval('function system_watchdog($entry) { ProvisionBridgeDrupal7::onWatchdog($entry); }');
        }
    }

    protected function reportMessages()
    {
        if (function_exists('drupal_get_messages')) {
            $this->logMessages(drupal_get_messages());
        }
    }

    protected function opInstall(array $arguments)
    {
        $this->configure();
        if ($this->isInstalled()) {
            throw new ProvisionBridgeRefusal("The database of $this->sitePath holds a Drupal already", 'PROVISION_SITE_INSTALLED');
        }
        if (!defined('MAINTENANCE_MODE')) {
            define('MAINTENANCE_MODE', 'install');
        }
        // The installer ends with a cron run, which asks drupal.org for updates and news: nobody must wait for that.
        $GLOBALS['conf']['drupal_http_request_function'] = 'provision_bridge_http_request';
        $this->channel->muted = ['update', 'announcements_feed'];
        $this->installing = true;
        require_once DRUPAL_ROOT . '/includes/install.core.inc';
        install_drupal([
            'parameters' => ['profile' => $arguments['profile'], 'locale' => $arguments['language']],
            'forms' => [
                'install_configure_form' => $this->siteForm($arguments) + [
                    'update_status_module' => [1 => true, 2 => true],
                    'clean_url' => true,
                ],
            ],
        ]);
        unset($GLOBALS['conf']['drupal_http_request_function']);
        $this->reportMessages();
        $this->installing = false;
        $this->channel->muted = [];
        $this->channel->takeOverErrors();
        if (!$this->isInstalled() || variable_get('install_task') !== 'done') {
            throw new \RuntimeException('The installer stopped after the task "' . variable_get('install_task', 'none') . '"');
        }
        variable_del('update_last_check');
        $this->started = true;
        return ['profile' => variable_get('install_profile', $arguments['profile'])];
    }

    protected function opStatus(array $arguments)
    {
        $this->configure();
        $status = ['version' => VERSION, 'installed' => $this->isInstalled(), 'bootstrapped' => false, 'profile' => null, 'language' => null, 'maintenance' => null];
        if ($status['installed']) {
            $this->start();
            $status['bootstrapped'] = true;
            $status['profile'] = variable_get('install_profile', 'standard');
            $status['language'] = language_default()->language;
            $status['maintenance'] = (bool) variable_get('maintenance_mode', 0);
        }
        return $status;
    }

    protected function opFlushCaches(array $arguments)
    {
        drupal_flush_all_caches();
        return null;
    }

    protected function opLoginLink(array $arguments)
    {
        $account = user_load(1);
        if (!$account) {
            throw new ProvisionBridgeRefusal('The site has no user 1', 'PROVISION_DRUPAL_FAILED');
        }
        $before = $GLOBALS['base_url'];
        $GLOBALS['base_url'] = $this->baseUrl;
        try {
            return user_pass_reset_url($account) . '/login';
        } finally {
            $GLOBALS['base_url'] = $before;
        }
    }

    protected function mailFacts()
    {
        $account = user_load(1);
        return [
            'name' => $account->name,
            'to' => $account->mail,
            'site' => variable_get('site_name', 'Drupal'),
            'from' => variable_get('site_mail', $account->mail),
        ];
    }

    protected function sendMail($to, $from, $subject, $body)
    {
        require_once DRUPAL_ROOT . '/includes/mail.inc';
        $message = $this->mailMessage($to, $from, $subject, $body) + ['language' => language_default()];
        $system = drupal_mail_system('install', 'welcome-admin');
        return (bool) $system->mail($system->format($message));
    }

    protected function opCronKey(array $arguments)
    {
        return (string) variable_get('cron_key', 'drupal');
    }

    protected function opSitePackages(array $arguments)
    {
        $rows = [];
        foreach (db_query('SELECT filename, name, type, owner, status, bootstrap, schema_version, weight, info FROM {system} ORDER BY type, name') as $row) {
            $row = (array) $row;
            $info = @unserialize($row['info'], ['allowed_classes' => false]);
            $row['info'] = is_array($info) ? $info : [];
            foreach (['status', 'bootstrap', 'schema_version', 'weight'] as $number) {
                $row[$number] = (int) $row[$number];
            }
            $rows[] = $row;
        }
        return ['profile' => variable_get('install_profile', 'standard'), 'system' => $rows];
    }

    protected function opRunCron(array $arguments)
    {
        return (bool) drupal_cron_run();
    }

    protected function opMaintenanceMode(array $arguments)
    {
        variable_set('maintenance_mode', $arguments['enabled'] ? 1 : 0);
        // Cached pages are served before the mode is looked at.
        if (function_exists('cache_clear_all')) {
            cache_clear_all('*', 'cache_page', true);
        }
        return null;
    }
}

/** Drupal's HTTP client as it is while a site is installed: closed for questions to drupal.org, open for all else. */
function provision_bridge_http_request($url, array $options = [])
{
    if (preg_match('/(^|\.)drupal\.org$/', (string) parse_url($url, PHP_URL_HOST)) || strpos($url, (string) variable_get('update_fetch_url', '//')) === 0) {
        return (object) ['request' => '', 'code' => -1, 'error' => 'not asked during installation', 'data' => ''];
    }
    unset($GLOBALS['conf']['drupal_http_request_function']);
    try {
        return drupal_http_request($url, $options);
    } finally {
        $GLOBALS['conf']['drupal_http_request_function'] = __FUNCTION__;
    }
}
