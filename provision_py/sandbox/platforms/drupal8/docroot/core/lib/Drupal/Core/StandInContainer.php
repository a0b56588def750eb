<?php

namespace Drupal\Core;

use Drupal\Core\Database\Database;

/** All services of the stand-in, and the small classes behind them. */
class StandInContainer
{
    private $services = [];

    public function has($name)
    {
        return isset(self::classes()[$name]);
    }

    public function get($name)
    {
        if (!$this->has($name)) {
            throw new \LogicException("The stand-in has no service $name");
        }
        if (!isset($this->services[$name])) {
            $class = self::classes()[$name];
            $this->services[$name] = $name === 'state' ? new $class('state') : new $class();
        }
        return $this->services[$name];
    }

    private static function classes()
    {
        return [
            'state' => StandInStore::class,
            'config.factory' => StandInConfigFactory::class,
            'logger.factory' => StandInLoggerFactory::class,
            'messenger' => StandInMessenger::class,
            'language_manager' => StandInLanguage::class,
            'entity_type.manager' => StandInUsers::class,
            'module_handler' => StandInModules::class,
            'cron' => StandInCron::class,
            'plugin.manager.mail' => StandInMail::class,
            'router.request_context' => StandInRequestContext::class,
        ];
    }
}

class StandInStore
{
    private $collection;

    public function __construct($collection)
    {
        $this->collection = $collection;
    }

    public function get($name, $default = null)
    {
        $value = Database::getConnection()->query('SELECT value FROM {key_value} WHERE collection = ? AND name = ?', [$this->collection, $name])->fetchField();
        return $value === false ? $default : unserialize($value);
    }

    public function getAll()
    {
        $all = [];
        foreach (Database::getConnection()->query('SELECT name, value FROM {key_value} WHERE collection = ?', [$this->collection])->fetchAll() as $row) {
            $all[$row->name] = unserialize($row->value);
        }
        return $all;
    }

    public function set($name, $value)
    {
        Database::getConnection()->query('REPLACE INTO {key_value} (collection, name, value) VALUES (?, ?, ?)', [$this->collection, $name, serialize($value)]);
    }

    public function delete($name)
    {
        Database::getConnection()->query('DELETE FROM {key_value} WHERE collection = ? AND name = ?', [$this->collection, $name]);
    }
}

class StandInConfigFactory
{
    public function get($name)
    {
        $overrides = isset($GLOBALS['config'][$name]) ? $GLOBALS['config'][$name] : [];
        return new StandInConfig($name, $overrides);
    }

    public function getEditable($name)
    {
        return new StandInConfig($name, []);
    }
}

class StandInConfig
{
    private $name;
    private $data;

    public function __construct($name, array $overrides)
    {
        $this->name = $name;
        $data = Database::getConnection()->query("SELECT data FROM {config} WHERE collection = '' AND name = ?", [$name])->fetchField();
        $this->data = array_replace_recursive($data === false ? [] : unserialize($data), $overrides);
    }

    public function get($key)
    {
        $value = $this->data;
        foreach (explode('.', $key) as $part) {
            $value = isset($value[$part]) ? $value[$part] : null;
        }
        return $value;
    }

    public function set($key, $value)
    {
        $this->data[$key] = $value;
        return $this;
    }

    public function save()
    {
        Database::getConnection()->query("REPLACE INTO {config} (collection, name, data) VALUES ('', ?, ?)", [$this->name, serialize($this->data)]);
        return $this;
    }
}

class StandInLoggerFactory
{
    private $loggers = [];

    public function addLogger($logger)
    {
        $this->loggers[] = $logger;
    }

    public function get($channel)
    {
        return new StandInLogger($channel, $this->loggers);
    }
}

class StandInLogger
{
    private $channel;
    private $loggers;

    public function __construct($channel, array $loggers)
    {
        $this->channel = $channel;
        $this->loggers = $loggers;
    }

    public function log($severity, $message)
    {
        foreach ($this->loggers as $logger) {
            $logger->log($severity, $message, ['channel' => $this->channel]);
        }
    }
}

class StandInMessenger
{
    private $messages = [];

    public function addStatus($message)
    {
        $this->messages['status'][] = $message;
    }

    public function all()
    {
        return $this->messages;
    }

    public function deleteAll()
    {
        $this->messages = [];
    }
}

class StandInLanguage
{
    public function getDefaultLanguage()
    {
        return $this;
    }

    public function getId()
    {
        return \Drupal::config('system.site')->get('default_langcode') ?: 'en';
    }
}

class StandInUsers
{
    public function getStorage($type)
    {
        return $this;
    }

    public function load($id)
    {
        $row = Database::getConnection()->query('SELECT * FROM {users_field_data} WHERE uid = ?', [$id])->fetchObject();
        return $row ? new StandInAccount($row) : null;
    }
}

class StandInAccount
{
    public $uid;
    public $langcode;
    public $name;
    public $pass;
    public $mail;
    public $status;
    public $created;
    public $login;

    public function __construct($row)
    {
        foreach (get_object_vars($row) as $name => $value) {
            $this->$name = $value;
        }
    }

    public function getAccountName()
    {
        return $this->name;
    }

    public function getEmail()
    {
        return $this->mail;
    }
}

class StandInMail
{
    public function getInstance(array $options)
    {
        return $this;
    }

    public function format(array $message)
    {
        return ['body' => implode("\n\n", $message['body'])] + $message;
    }

    public function mail(array $message)
    {
        return mail($message['to'], $message['subject'], $message['body'], $message['headers']);
    }
}

class StandInModules
{
    public function loadAll($root)
    {
        foreach (array_keys((array) \Drupal::configFactory()->getEditable('core.extension')->get('module')) as $name) {
            foreach (glob("$root/{core/modules,core/profiles,modules,modules/contrib,profiles}/$name/$name.module", GLOB_BRACE) as $file) {
                require_once $file;
            }
        }
    }

    public function load($name)
    {
        return function_exists('user_pass_reset_url');
    }
}

class StandInCron
{
    public function run()
    {
        if (is_file(dirname(__DIR__, 4) . '/fail-cron')) {
            throw new \Exception('A module failed in its cron work');
        }
        \Drupal::state()->set('system.cron_last', time());
        \Drupal::logger('cron')->log(5, 'Cron run completed.');
        return true;
    }
}

class StandInRequestContext
{
    public $base = 'http://default';

    public function fromRequest($request)
    {
        $this->base = $request->getSchemeAndHttpHost() . $request->getBasePath();
    }
}
