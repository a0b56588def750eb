<?php

namespace Drupal\Core\Site;

use Drupal\Core\Database\Database;

class Settings
{
    private static $values = [];

    public static function initialize($app_root, $site_path, &$class_loader)
    {
        global $config;
        $config = [];
        $settings = [];
        $databases = [];
        if (is_readable("$app_root/$site_path/settings.php")) {
            require "$app_root/$site_path/settings.php";
        }
        self::$values = $settings;
        Database::setMultipleConnectionInfo($databases);
    }

    public static function get($name, $default = null)
    {
        return isset(self::$values[$name]) ? self::$values[$name] : $default;
    }

    public static function getHashSalt()
    {
        if (empty(self::$values['hash_salt'])) {
            throw new \RuntimeException('settings.php has no hash_salt');
        }
        return self::$values['hash_salt'];
    }
}
