<?php

/**
 * @file
 * Drupal 8, 9, 10 and 11.
 */

final class ProvisionBridgeDrupal8 extends ProvisionBridgeFamily
{
    /** Nothing listens there: asking for updates while a site is installed fails at once instead of waiting. */
    const NOWHERE = 'http://127.0.0.1:9';

    private $loader;
    private $kernel;
    private $listening;

    protected function start()
    {
        if ($this->kernel !== null) {
            return;
        }
        $this->load();
        if (!$this->isInstalled()) {
            $this->refuseUninstalled();
        }
        try {
            $this->boot(false);
        } catch (\PDOException $error) {
            throw $error;
        } catch (\Throwable $error) {
            // A container that was cached for other code: after a change of code it must be built anew.
            $this->channel->log('warning', 'Drupal does not start with its cached container, which is built anew: ' . $error->getMessage());
            $this->boot(true);
        }
        $this->channel->takeOverErrors();
        $this->listen();
    }

    private function boot($rebuild)
    {
        $this->kernel = null;
        $kernel = new \Drupal\Core\DrupalKernel('prod', $this->loader, true, $this->docroot);
        $kernel->setSitePath($this->sitePath);
        if ($rebuild) {
            $kernel->invalidateContainer();
        }
        $kernel->boot();
        $this->enter($kernel, $this->siteRequest());
        $this->kernel = $kernel;
    }

    /** Makes a request the current one, as the front controller would before it hands it to the kernel. */
    private function enter($kernel, $request)
    {
        $kernel->preHandle($request);
        $kernel->getContainer()->get('router.request_context')->fromRequest($request);
    }

    private function siteRequest($url = null)
    {
        $request = $url === null
            ? \Symfony\Component\HttpFoundation\Request::createFromGlobals()
            : \Symfony\Component\HttpFoundation\Request::create($url, 'GET', [], [], [], [
                'SCRIPT_NAME' => parse_url($url, PHP_URL_PATH) . 'index.php',
                'SCRIPT_FILENAME' => $this->docroot . '/index.php',
                'PHP_SELF' => parse_url($url, PHP_URL_PATH) . 'index.php',
            ]);
        $request->attributes->set('_route', '<none>');
        $request->attributes->set('_route_object', new \Symfony\Component\Routing\Route('<none>'));
        return $request;
    }

    /** Loads code and settings.php; the database is not touched yet. */
    private function load()
    {
        if ($this->loader !== null) {
            return;
        }
        $file = $this->docroot . '/autoload.php';
        if (!is_file($file)) {
            throw new ProvisionBridgeRefusal("There is no autoload.php in $this->docroot: is \"composer install\" still to be run?", 'DRUSH_INVALID_DRUPAL_ROOT');
        }
        $this->loader = require $file;
        if (!is_object($this->loader) || !class_exists('Drupal\Core\DrupalKernel')) {
            throw new ProvisionBridgeRefusal("The class loader of $this->docroot does not know Drupal: is \"composer install\" still to be run?", 'DRUSH_INVALID_DRUPAL_ROOT');
        }
        \Drupal\Core\DrupalKernel::bootEnvironment($this->docroot);
        $this->channel->takeOverErrors();
        \Drupal\Core\Site\Settings::initialize($this->docroot, $this->sitePath, $this->loader);
    }

    private function isInstalled()
    {
        if (!\Drupal\Core\Database\Database::getConnectionInfo('default')) {
            return false;
        }
        $database = \Drupal\Core\Database\Database::getConnection();
        if (!$database->schema()->tableExists('config') || !$database->schema()->tableExists('key_value')) {
            return false;
        }
        return (bool) $database->query("SELECT COUNT(*) FROM {config} WHERE name = 'core.extension'")->fetchField();
    }

    /** Listens to all log channels. A rebuilt container has a new factory, so this is called again after each. */
    private function listen()
    {
        if (!\Drupal::hasContainer() || !\Drupal::hasService('logger.factory')) {
            return;
        }
        $factory = \Drupal::service('logger.factory');
        if ($this->listening === $factory || !interface_exists('Psr\Log\LoggerInterface')) {
            return;
        }
        $this->listening = $factory;
        $parser = \Drupal::hasService('logger.log_message_parser') ? \Drupal::service('logger.log_message_parser') : null;
        $factory->addLogger(provision_bridge_logger(function ($severity, $message, array $context) use ($parser) {
            $values = $parser ? $parser->parseMessagePlaceholders($message, $context) : [];
            $text = strtr($message, array_map('strval', array_filter($values, static function ($value) {
                return is_scalar($value) || (is_object($value) && method_exists($value, '__toString'));
            })));
            $this->logWatchdog(isset($context['channel']) ? $context['channel'] : 'drupal', $severity, $text);
        }));
    }

    protected function reportMessages()
    {
        if (\Drupal::hasContainer() && \Drupal::hasService('messenger')) {
            $messages = \Drupal::messenger()->all();
            \Drupal::messenger()->deleteAll();
            $this->logMessages($messages);
        }
    }

    protected function opInstall(array $arguments)
    {
        $this->load();
        if ($this->isInstalled()) {
            throw new ProvisionBridgeRefusal("The database of $this->sitePath holds a Drupal already", 'PROVISION_SITE_INSTALLED');
        }
        $before = isset($GLOBALS['conf']) ? $GLOBALS['conf'] : null;
        $this->giveCredentials();
        $this->channel->muted = ['update', 'announcements_feed'];
        $this->installing = true;
        require_once $this->docroot . '/core/includes/install.core.inc';
        install_drupal($this->loader, [
            'interactive' => false,
            'site_path' => $this->sitePath,
            'parameters' => ['profile' => $arguments['profile'], 'langcode' => $arguments['language']],
            'forms' => [
                'install_configure_form' => $this->siteForm($arguments) + [
                    'enable_update_status_module' => true,
                    'enable_update_status_emails' => true,
                    // The names that these two had before 8.3.
                    'update_status_module' => [1 => true, 2 => true],
                ],
            ],
        ], [$this, 'onInstallTask']);
        $this->reportMessages();
        $this->installing = false;
        $this->openNetwork();
        // The installer leaves a kernel of its own behind; what follows needs the site's.
        $GLOBALS['conf'] = $before;
        unset($GLOBALS['install_state']);
        if (!$this->isInstalled()) {
            throw new \RuntimeException('The installer ended early: the site has no list of modules');
        }
        $this->start();
        \Drupal::state()->delete('update.last_check');
        return ['profile' => \Drupal::config('core.extension')->get('profile') ?: $arguments['profile']];
    }

    /** Called by the installer after each of its tasks. */
    public function onInstallTask($state)
    {
        $this->channel->takeOverErrors();
        $this->listen();
        if (!empty($state['active_task'])) {
            $this->channel->log('info', 'Installer: ' . str_replace('_', ' ', preg_replace('/^install_/', '', $state['active_task'])));
        }
        // From here on, its last task asks drupal.org for updates and news, from within cron.
        if (isset($state['active_task']) && $state['active_task'] === 'install_configure_form') {
            $GLOBALS['config']['update.settings']['fetch']['url'] = self::NOWHERE;
            putenv('HTTP_PROXY=' . self::NOWHERE);
            putenv('HTTPS_PROXY=' . self::NOWHERE);
        }
    }

    protected function isExpected($text)
    {
        return parent::isExpected($text) || ($this->installing && strpos($text, '127.0.0.1 port 9 ') !== false);
    }

    private function openNetwork()
    {
        unset($GLOBALS['config']['update.settings']['fetch']['url']);
        putenv('HTTP_PROXY');
        putenv('HTTPS_PROXY');
        $this->channel->muted = [];
    }

    protected function opStatus(array $arguments)
    {
        $this->load();
        $status = ['version' => \Drupal::VERSION, 'installed' => $this->isInstalled(), 'bootstrapped' => false, 'profile' => null, 'language' => null, 'maintenance' => null];
        if ($status['installed']) {
            $this->start();
            $status['bootstrapped'] = true;
            $status['profile'] = \Drupal::config('core.extension')->get('profile');
            $status['language'] = \Drupal::languageManager()->getDefaultLanguage()->getId();
            $status['maintenance'] = (bool) \Drupal::state()->get('system.maintenance_mode');
        }
        return $status;
    }

    protected function opFlushCaches(array $arguments)
    {
        drupal_flush_all_caches();
        $this->listen();
        $this->channel->takeOverErrors();
        return null;
    }

    protected function opLoginLink(array $arguments)
    {
        $account = \Drupal::entityTypeManager()->getStorage('user')->load(1);
        if (!$account) {
            throw new ProvisionBridgeRefusal('The site has no user 1', 'PROVISION_DRUPAL_FAILED');
        }
        \Drupal::moduleHandler()->load('user');
        $this->enter($this->kernel, $this->siteRequest($this->baseUrl . '/'));
        return user_pass_reset_url($account) . '/login';
    }

    protected function mailFacts()
    {
        $account = \Drupal::entityTypeManager()->getStorage('user')->load(1);
        $site = \Drupal::config('system.site');
        return [
            'name' => $account->getAccountName(),
            'to' => $account->getEmail(),
            'site' => $site->get('name'),
            'from' => $site->get('mail') ?: $account->getEmail(),
        ];
    }

    protected function sendMail($to, $from, $subject, $body)
    {
        $language = \Drupal::languageManager()->getDefaultLanguage()->getId();
        $message = $this->mailMessage($to, $from, $subject, $body) + ['langcode' => $language];
        $keys = ['module' => 'install', 'key' => 'welcome-admin'];
        $system = \Drupal::service('plugin.manager.mail')->getInstance($keys);
        return (bool) $system->mail($system->format($message));
    }

    protected function opCronKey(array $arguments)
    {
        return (string) \Drupal::state()->get('system.cron_key');
    }

    protected function opSitePackages(array $arguments)
    {
        $extensions = \Drupal::configFactory()->getEditable('core.extension');
        return [
            'profile' => $extensions->get('profile'),
            'modules' => (object) ($extensions->get('module') ?: []),
            'themes' => (object) ($extensions->get('theme') ?: []),
            'schema' => (object) array_map('intval', array_filter(\Drupal::keyValue('system.schema')->getAll(), 'is_scalar')),
        ];
    }

    protected function opRunCron(array $arguments)
    {
        return (bool) \Drupal::service('cron')->run();
    }

    protected function opMaintenanceMode(array $arguments)
    {
        \Drupal::state()->set('system.maintenance_mode', (bool) $arguments['enabled']);
        // Cached pages are served before the mode is looked at.
        if (\Drupal::hasService('cache.page')) {
            \Drupal::service('cache.page')->deleteAll();
        }
        return null;
    }
}

/**
 * A logger that hands on to a function (severity, message, context).
 *
 * Declared when it is needed, because its parent comes from the code base; the methods of psr/log 3 have types that
 * those of psr/log 1 must not have, and log() alone differs.
 */
function provision_bridge_logger(callable $listener)
{
    if (!class_exists('ProvisionBridgeLogger', false)) {
        $typed = (new \ReflectionMethod('Psr\Log\LoggerInterface', 'log'))->hasReturnType();
        eval('final class ProvisionBridgeLogger extends \Psr\Log\AbstractLogger {
            private $listener;
            public function __construct(callable $listener) { $this->listener = $listener; }
            public function log($level, ' . ($typed ? '\Stringable|string ' : '') . '$message, array $context = [])' . ($typed ? ': void' : '') . ' {
                $names = ["emergency", "alert", "critical", "error", "warning", "notice", "info", "debug"];
                $severity = is_int($level) ? $level : array_search($level, $names, true);
                call_user_func($this->listener, $severity === false ? 5 : $severity, (string) $message, $context);
            }
        }');
    }
    return new ProvisionBridgeLogger($listener);
}
