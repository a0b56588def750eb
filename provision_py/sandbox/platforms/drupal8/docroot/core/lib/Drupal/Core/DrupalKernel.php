<?php

namespace Drupal\Core;

use Drupal\Core\Site\Settings;

class DrupalKernel
{
    private $loader;
    private $dumps;
    private $root;
    private $sitePath;
    private $container;
    private $rebuild = false;

    public function __construct($environment, $class_loader, $allow_dumping = true, $app_root = null)
    {
        $this->loader = $class_loader;
        $this->dumps = $allow_dumping;
        $this->root = $app_root ?: dirname(__DIR__, 4);
    }

    public static function bootEnvironment($app_root = null)
    {
        static $booted = false;
        if (!$booted) {
            $booted = true;
            error_reporting(E_ALL);
            set_error_handler(static function ($level, $message) {
                if (error_reporting() & $level && \Drupal::hasContainer()) {
                    \Drupal::logger('php')->log(4, $message);
                }
            });
        }
    }

    public static function createFromRequest($request, $class_loader, $environment, $allow_dumping = true, $app_root = null)
    {
        static::bootEnvironment($app_root);
        $kernel = new static($environment, $class_loader, $allow_dumping, $app_root);
        $kernel->setSitePath(static::findSitePath($request, $kernel->root));
        Settings::initialize($kernel->root, $kernel->sitePath, $class_loader);
        return $kernel;
    }

    private static function findSitePath($request, $root)
    {
        // As Drupal does: without this file there is one site only.
        if (!is_file("$root/sites/sites.php")) {
            return 'sites/default';
        }
        $sites = [];
        include "$root/sites/sites.php";
        $names = [$request->getHost()];
        if ($request->getBasePath() !== '') {
            array_unshift($names, $names[0] . str_replace('/', '.', $request->getBasePath()));
        }
        foreach ($names as $name) {
            // As in Drupal, a host name is shortened from the left until something fits.
            for (; $name !== ''; $name = (string) substr(strstr($name, '.') ?: '', 1)) {
                $folder = isset($sites[$name]) ? $sites[$name] : $name;
                if (is_file("$root/sites/$folder/settings.php")) {
                    return "sites/$folder";
                }
            }
        }
        return 'sites/default';
    }

    public function setSitePath($path)
    {
        $this->sitePath = $path;
    }

    public function getSitePath()
    {
        return $this->sitePath;
    }

    public function invalidateContainer()
    {
        $this->rebuild = true;
    }

    public function boot()
    {
        if ($this->dumps && \Drupal\Core\Database\Database::getConnectionInfo()) {
            $this->loadCachedContainer();
        }
        $this->container = new StandInContainer();
        \Drupal::setContainer($this->container);
    }

    /** The cached container names a class; one that is gone is as fatal as in Drupal. */
    private function loadCachedContainer()
    {
        $database = \Drupal\Core\Database\Database::getConnection();
        $class = $this->rebuild ? false : $database->query("SELECT data FROM {cache_container} WHERE cid = 'container'")->fetchField();
        if ($class === false) {
            $class = StandInContainer::class;
            $database->query("REPLACE INTO {cache_container} (cid, data) VALUES ('container', ?)", [$class]);
        }
        new $class();
    }

    public function getContainer()
    {
        return $this->container;
    }

    public function preHandle($request)
    {
        require_once $this->root . '/core/includes/common.inc';
        $this->container->get('module_handler')->loadAll($this->root);
    }
}
