<?php

/**
 * @file
 * The way back to the caller: framed JSON messages that nothing else on stdout can be mistaken for.
 *
 * A message is one or more lines "<nonce> +<base64>" (more follows) or "<nonce> .<base64>" (its last line). Each line
 * is one write() below PIPE_BUF and starts with a newline of its own, so that neither a half line printed by a module
 * nor a child process that shares our stdout can damage it. The nonce comes with the job.
 *
 * Runs on PHP 7.1 and later.
 */

final class ProvisionBridgeChannel
{
    const CHUNK = 3000;
    const MAX_MESSAGE = 2000;
    const MAX_ENTRIES = 300;
    /** Old code on a new PHP has thousands of these: a few tell the story, and handling all takes seconds. */
    const MAX_DEPRECATIONS = 5;

    private $nonce;
    private $stream;
    private $seen = [];
    private $entries = 0;
    private $leftOut = 0;
    private $deprecations = 0;
    private $line = '';
    private $reserve;
    private $running = null;
    private $ended = false;
    private $docroot;
    private $secrets;

    /** Log channels (watchdog types) that are not reported, e.g. those about a network that we keep closed. */
    public $muted = [];

    public function __construct($nonce, $docroot, array $secrets)
    {
        $this->nonce = $nonce;
        $this->secrets = $this->shapes($secrets);
        $this->docroot = rtrim($docroot, '/') . '/';
        // A descriptor of its own: a module may close STDOUT.
        $this->stream = fopen('php://fd/1', 'w');
        // What the shutdown function needs when memory has run out.
        $this->reserve = str_repeat('x', 1 << 20);
        ob_start([$this, 'onOutput'], 1);
        register_shutdown_function([$this, 'onShutdown']);
        $this->takeOverErrors();
    }

    /** Drupal sets handlers of its own when it starts; ours go back in front. */
    public function takeOverErrors()
    {
        $levels = $this->deprecations < self::MAX_DEPRECATIONS ? E_ALL : E_ALL & ~(E_DEPRECATED | E_USER_DEPRECATED);
        set_error_handler([$this, 'onError'], $levels);
        set_exception_handler([$this, 'onUncaught']);
        error_reporting(E_ALL);
        ini_set('display_errors', '0');
    }

    public function begin($operation)
    {
        $this->running = $operation;
        $this->send(['t' => 'begin', 'op' => $operation]);
    }

    public function result($operation, $data)
    {
        $this->flushLine();
        $this->running = null;
        $this->send(['t' => 'result', 'op' => $operation, 'data' => $data]);
    }

    public function end()
    {
        $this->finish(['t' => 'end', 'ok' => true]);
    }

    /** Ends the answer with a failure. $kind: exception, fatal, exit, refused. */
    public function fail($kind, $message, $file = null, $line = null, $code = null)
    {
        $this->finish([
            't' => 'end',
            'ok' => false,
            'op' => $this->running,
            'kind' => $kind,
            'message' => $this->shortened($message),
            'file' => $this->relative($file),
            'line' => $line,
            'code' => $code,
            'php' => PHP_VERSION,
        ]);
    }

    public function failWith($error)
    {
        $root = $error;
        while ($root->getPrevious() !== null) {
            $root = $root->getPrevious();
        }
        $message = $this->plain($error->getMessage());
        if ($root !== $error && strpos($error->getMessage(), $root->getMessage()) === false) {
            $message .= ' (' . $this->plain($root->getMessage()) . ')';
        }
        if ($error instanceof ProvisionBridgeRefusal) {
            $this->fail('refused', $message, null, null, $error->reason);
            return;
        }
        // A PHP error that code throws (TypeError, ParseError …) is as fatal as the ones that end the process.
        $kind = $error instanceof \Error ? 'fatal' : 'exception';
        $code = $this->isConnectionFailure($root) ? 'PROVISION_DB_CONNECT_FAIL' : null;
        $this->fail($kind, get_class($error) . ': ' . $message, $error->getFile(), $error->getLine(), $code);
    }

    /** $type: debug, info, notice, warning, error. $source: bridge, php, log, message, output. */
    public function log($type, $message, $source = 'bridge', $file = null, $line = null)
    {
        $message = $this->shortened($message);
        if ($message === '') {
            return;
        }
        $key = md5("$type|$source|$file|$line|$message");
        // Our own lines are few and tell how far the work has come.
        if ($source !== 'bridge') {
            if (isset($this->seen[$key]) || $this->entries >= self::MAX_ENTRIES) {
                $this->leftOut++;
                return;
            }
            $this->seen[$key] = true;
            $this->entries++;
        }
        $this->send([
            't' => 'log',
            'type' => $type,
            'message' => $message,
            'source' => $source,
            'file' => $this->relative($file),
            'line' => $line,
        ]);
    }

    public function onOutput($text, $phase = 0)
    {
        $this->line .= $text;
        if (strlen($this->line) > 1 << 16) {
            $this->line .= "\n";
        }
        while (($end = strpos($this->line, "\n")) !== false) {
            $line = substr($this->line, 0, $end);
            $this->line = (string) substr($this->line, $end + 1);
            $this->log('notice', $this->plain($line), 'output');
        }
        return '';
    }

    public function onError($level, $message, $file = '', $line = 0)
    {
        if (!(error_reporting() & $level)) {
            return true;
        }
        if ($level === E_RECOVERABLE_ERROR) {
            throw new \ErrorException($message, 0, $level, $file, $line);
        }
        static $types = [
            E_WARNING => ['warning', 'Warning'],
            E_USER_WARNING => ['warning', 'Warning'],
            E_NOTICE => ['notice', 'Notice'],
            E_USER_NOTICE => ['notice', 'Notice'],
            E_DEPRECATED => ['notice', 'Deprecated'],
            E_USER_DEPRECATED => ['notice', 'Deprecated'],
            E_USER_ERROR => ['error', 'Error'],
        ];
        if ($level & (E_DEPRECATED | E_USER_DEPRECATED) && ++$this->deprecations >= self::MAX_DEPRECATIONS) {
            $this->takeOverErrors();
        }
        list($type, $label) = isset($types[$level]) ? $types[$level] : ['notice', 'PHP'];
        $this->log($type, "$label: " . $this->plain($message), 'php', $file, $line);
        return true;
    }

    public function onUncaught($error)
    {
        if ($this->ended) {
            $this->log('warning', 'After the work was done: ' . $error->getMessage(), 'php', $error->getFile(), $error->getLine());
            return;
        }
        $this->failWith($error);
    }

    public function onShutdown()
    {
        $this->reserve = null;
        if ($this->ended) {
            return;
        }
        ini_set('memory_limit', '-1');
        $error = error_get_last();
        if ($this->isFatal($error)) {
            $this->fail('fatal', $this->plain($error['message']), $error['file'], $error['line']);
            return;
        }
        $during = $this->running === null ? 'while Drupal was starting' : "during $this->running";
        $this->fail('exit', "PHP was ended by an exit() or die() $during");
    }

    private function finish(array $message)
    {
        if ($this->ended) {
            return;
        }
        $this->flushLine();
        if ($this->leftOut) {
            $this->log('info', "$this->leftOut more log entries, repeated or too many, were left out");
        }
        $this->ended = $message['ok'] ? 'ok' : 'failed';
        $this->send($message);
        // An exception in a shutdown function ends PHP on the spot, past every handler; this is how it is heard.
        error_reporting(E_ALL & ~(E_DEPRECATED | E_USER_DEPRECATED));
        ini_set('display_errors', 'stderr');
    }

    private function flushLine()
    {
        $line = $this->line;
        $this->line = '';
        $this->log('notice', $this->plain($line), 'output');
    }

    private function send(array $message)
    {
        $json = json_encode($message, JSON_PARTIAL_OUTPUT_ON_ERROR | JSON_INVALID_UTF8_SUBSTITUTE | JSON_UNESCAPED_SLASHES);
        $chunks = str_split(base64_encode((string) $json), self::CHUNK);
        $last = count($chunks) - 1;
        foreach ($chunks as $number => $chunk) {
            fwrite($this->stream, "\n" . $this->nonce . ' ' . ($number === $last ? '.' : '+') . $chunk . "\n");
        }
    }

    private function isFatal($error)
    {
        return $error && ($error['type'] & (E_ERROR | E_PARSE | E_CORE_ERROR | E_COMPILE_ERROR | E_USER_ERROR | E_RECOVERABLE_ERROR));
    }

    private function isConnectionFailure($error)
    {
        if (!$error instanceof \PDOException) {
            return false;
        }
        return (bool) preg_match('/\[(1040|1044|1045|1049|1130|2002|2003|2005|2006|2013)\]|^SQLSTATE\[HY000\] \[\d+\]/', $error->getMessage());
    }

    /** Text of a message that may hold markup. */
    private function plain($text)
    {
        $text = str_replace($this->secrets, '********', (string) $text);
        if (strpos($text, '<') !== false) {
            $text = strip_tags($text);
        }
        return trim(html_entity_decode($text, ENT_QUOTES, 'UTF-8'));
    }

    public function plainText($text)
    {
        return $this->plain($text);
    }

    /** The shapes in which a module may print a secret: as it is, as PHP, as HTML, as JSON. */
    private function shapes(array $secrets)
    {
        $shapes = [];
        foreach ($secrets as $secret) {
            $json = substr((string) json_encode($secret), 1, -1);
            array_push($shapes, $secret, addcslashes($secret, "'\\"), htmlspecialchars($secret, ENT_QUOTES), $json);
        }
        $shapes = array_unique(array_filter($shapes, 'strlen'));
        // The longest first: one may be a part of another.
        usort($shapes, static function ($one, $other) {
            return strlen($other) - strlen($one);
        });
        return $shapes;
    }

    private function shortened($text)
    {
        $text = str_replace($this->secrets, '********', (string) $text);
        return strlen($text) > self::MAX_MESSAGE ? substr($text, 0, self::MAX_MESSAGE) . ' …' : $text;
    }

    private function relative($file)
    {
        if ($file !== null && strpos($file, $this->docroot) === 0) {
            return substr($file, strlen($this->docroot));
        }
        return $file;
    }
}

/** Something that cannot be done here, in words for people; $reason is a stable code. */
final class ProvisionBridgeRefusal extends \RuntimeException
{
    public $reason;

    public function __construct($message, $reason)
    {
        parent::__construct($message);
        $this->reason = $reason;
    }
}
