<?php

namespace Symfony\Component\HttpFoundation;

class Request
{
    public $attributes;
    public $server;

    public function __construct(array $server)
    {
        $this->server = $server;
        $this->attributes = new ParameterBag();
    }

    public static function createFromGlobals()
    {
        return new static($_SERVER);
    }

    public static function create($uri, $method = 'GET', $parameters = [], $cookies = [], $files = [], $server = [])
    {
        $parts = parse_url($uri) + ['path' => '/', 'scheme' => 'http'];
        return new static($server + [
            'HTTP_HOST' => $parts['host'] . (isset($parts['port']) ? ':' . $parts['port'] : ''),
            'HTTPS' => $parts['scheme'] === 'https' ? 'on' : '',
            'REQUEST_URI' => $parts['path'],
            'REQUEST_METHOD' => $method,
            'SCRIPT_NAME' => '',
        ]);
    }

    public function getHost()
    {
        return preg_replace('/:\d+$/', '', rtrim(strtolower($this->server['HTTP_HOST']), '.'));
    }

    public function getSchemeAndHttpHost()
    {
        return (empty($this->server['HTTPS']) ? 'http' : 'https') . '://' . $this->server['HTTP_HOST'];
    }

    public function getBasePath()
    {
        return rtrim(dirname($this->server['SCRIPT_NAME']), '/.');
    }

    public function getPathInfo()
    {
        $path = substr((string) parse_url($this->server['REQUEST_URI'], PHP_URL_PATH), strlen($this->getBasePath()));
        return preg_replace('#^/index\.php#', '', $path);
    }
}

class ParameterBag
{
    private $values = [];

    public function set($name, $value)
    {
        $this->values[$name] = $value;
    }
}
