<?php

namespace Drupal\Core\Database;

class Connection
{
    private $pdo;
    private $prefix;

    public function __construct(array $info)
    {
        $charset = isset($info['charset']) ? $info['charset'] : 'utf8mb4';
        $dsn = "mysql:host=$info[host];dbname=$info[database];charset=$charset" . (empty($info['port']) ? '' : ";port=$info[port]");
        $this->pdo = new \PDO($dsn, $info['username'], $info['password'], [
            \PDO::ATTR_ERRMODE => \PDO::ERRMODE_EXCEPTION,
            \PDO::ATTR_DEFAULT_FETCH_MODE => \PDO::FETCH_OBJ,
        ]);
        $this->prefix = isset($info['prefix']) ? $info['prefix'] : '';
    }

    public function query($sql, array $arguments = [])
    {
        $statement = $this->pdo->prepare(preg_replace('/\{(\w+)\}/', "`$this->prefix\$1`", $sql));
        $statement->execute($arguments);
        return new StandInResult($statement);
    }

    public function schema()
    {
        return $this;
    }

    public function tableExists($name)
    {
        return (bool) $this->query('SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ?', [$this->prefix . $name])->fetchField();
    }
}

class StandInResult
{
    private $statement;

    public function __construct(\PDOStatement $statement)
    {
        $this->statement = $statement;
    }

    public function fetchField()
    {
        return $this->statement->fetchColumn();
    }

    public function fetchAll()
    {
        return $this->statement->fetchAll();
    }

    public function fetchObject()
    {
        return $this->statement->fetchObject();
    }
}
