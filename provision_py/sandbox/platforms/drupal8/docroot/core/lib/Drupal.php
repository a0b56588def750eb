<?php

/**
 * @file
 * A stand-in for the code of Drupal 8 and later: what a hosting system calls, over a real database.
 */

class Drupal
{
    const VERSION = '@VERSION@';

    private static $container;

    public static function setContainer($container)
    {
        self::$container = $container;
    }

    public static function hasContainer()
    {
        return self::$container !== null;
    }

    public static function hasService($name)
    {
        return self::$container->has($name);
    }

    public static function service($name)
    {
        return self::$container->get($name);
    }

    public static function state()
    {
        return self::service('state');
    }

    public static function config($name)
    {
        return self::service('config.factory')->get($name);
    }

    public static function configFactory()
    {
        return self::service('config.factory');
    }

    public static function keyValue($collection)
    {
        return new \Drupal\Core\StandInStore($collection);
    }

    public static function messenger()
    {
        return self::service('messenger');
    }

    public static function logger($channel)
    {
        return self::service('logger.factory')->get($channel);
    }

    public static function languageManager()
    {
        return self::service('language_manager');
    }

    public static function entityTypeManager()
    {
        return self::service('entity_type.manager');
    }

    public static function moduleHandler()
    {
        return self::service('module_handler');
    }
}
