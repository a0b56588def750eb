<?php

namespace Drupal\Core\Database;

class Database
{
    private static $info = [];
    private static $connection;

    public static function setMultipleConnectionInfo(array $databases)
    {
        self::$info = $databases;
    }

    public static function getConnectionInfo($key = 'default')
    {
        return isset(self::$info[$key]) ? self::$info[$key] : null;
    }

    public static function getConnection()
    {
        if (self::$connection === null) {
            self::$connection = new Connection(self::$info['default']['default']);
        }
        return self::$connection;
    }
}
