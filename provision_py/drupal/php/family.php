<?php

/**
 * @file
 * What the bridge does alike in every version of Drupal.
 */

abstract class ProvisionBridgeFamily
{
    protected $channel;
    protected $docroot;
    protected $sitePath;
    protected $baseUrl;
    protected $installing = false;
    private $credentials;

    /** Operations that start Drupal their own way, because the site may not be installed. */
    protected $selfStarting = ['install', 'status'];

    public function __construct(array $job, ProvisionBridgeChannel $channel)
    {
        $this->channel = $channel;
        $this->docroot = $job['docroot'];
        $this->sitePath = 'sites/' . $job['site_dir'];
        $this->baseUrl = $job['base_url'];
        if (!@chdir($this->docroot)) {
            throw new ProvisionBridgeRefusal("There is no folder $this->docroot", 'DRUSH_INVALID_DRUPAL_ROOT');
        }
        if (!is_readable("$this->sitePath/settings.php")) {
            throw new ProvisionBridgeRefusal("There is no readable $this->sitePath/settings.php in $this->docroot", 'DRUPAL_NO_SETTINGS');
        }
        $this->pretendRequest($job['uri']);
        $this->credentials = $job['server'];
        $this->giveCredentials();
    }

    /** Puts the credentials where settings.php takes them from. It takes them away, so this goes before each reading. */
    protected function giveCredentials()
    {
        $_SERVER = $this->credentials + $_SERVER;
    }

    /** Performs one operation; its data as plain arrays and scalars. */
    public function perform($name, array $arguments)
    {
        $method = 'op' . str_replace('_', '', ucwords($name, '_'));
        if (!method_exists($this, $method)) {
            throw new ProvisionBridgeRefusal("This bridge has no operation $name", 'PROVISION_DRUPAL_FAILED');
        }
        if (!in_array($name, $this->selfStarting, true)) {
            $this->start();
        }
        $data = $this->$method($arguments);
        $this->reportMessages();
        return $data;
    }

    /** Full bootstrap of an installed site, once; refuses when the site is not installed. */
    abstract protected function start();

    /** Sends what modules told the person at the screen to the log. */
    abstract protected function reportMessages();

    abstract protected function opInstall(array $arguments);

    abstract protected function opStatus(array $arguments);

    protected function refuseUninstalled()
    {
        throw new ProvisionBridgeRefusal("The site $this->sitePath is not installed", 'PROVISION_SITE_NOT_INSTALLED');
    }

    /**
     * Tells user 1 by mail that the site is there and how to log in (Provision's install_*.inc). A profile may bring
     * its own words in provision_welcome_mail.inc. Result: whether the mail could be handed over.
     */
    protected function opWelcomeMail(array $arguments)
    {
        try {
            return $this->welcome($arguments['profile']);
        } catch (\Throwable $error) {
            $this->channel->log('notice', 'The mail failed: ' . $error->getMessage());
            return false;
        }
    }

    private function welcome($profile)
    {
        $facts = $this->mailFacts();
        $link = $this->opLoginLink([]);
        $variables = [
            '!username' => $facts['name'],
            '!site' => $facts['site'],
            '!login_url' => $link,
            '!uri' => $this->baseUrl,
            '!uri_brief' => preg_replace('~^https?://~', '', $this->baseUrl),
            '!mailto' => $facts['to'],
            '!date' => date('Y-m-d H:i'),
            '!login_uri' => "$this->baseUrl/user",
            '!edit_uri' => "$this->baseUrl/user/1/edit",
        ];
        $mail = [
            'subject' => '!site is ready',
            'body' => "Hello !username,\n\nyour site !uri has been set up. This link logs you in, once:\n\n!login_url\n\n"
                . "Then choose a password here:\n\n!edit_uri\n",
        ];
        $own = "profiles/$profile/provision_welcome_mail.inc";
        if (is_file($own)) {
            if (!function_exists('dt')) {
                eval('function dt($text, array $values = []) { return strtr($text, $values); }');
            }
            include $own;
        }
        $mail = array_map(static function ($text) use ($variables) {
            return strtr((string) $text, $variables);
        }, $mail);
        return $this->sendMail($facts['to'], $facts['from'], $mail['subject'], $mail['body']);
    }

    /** Name and address of user 1, name and address of the site: name, to, site, from. */
    abstract protected function mailFacts();

    /** Hands a mail to the site's mail system. */
    abstract protected function sendMail($to, $from, $subject, $body);

    /** What every mail of the bridge is to the mail systems of Drupal. */
    protected function mailMessage($to, $from, $subject, $body)
    {
        $headers = [
            'MIME-Version' => '1.0',
            'Content-Type' => 'text/plain; charset=UTF-8; format=flowed; delsp=yes',
            'Content-Transfer-Encoding' => '8Bit',
            'X-Mailer' => 'Drupal',
            'From' => $from,
            'Sender' => $from,
            'Return-Path' => $from,
        ];
        return compact('to', 'from', 'subject', 'headers') + [
            'id' => 'install_welcome-admin',
            'module' => 'install',
            'key' => 'welcome-admin',
            'body' => [$body],
            'params' => [],
            'send' => true,
            'reply-to' => null,
        ];
    }

    /** The values of the installer's last form that are the same in all versions. */
    protected function siteForm(array $arguments)
    {
        $mail = $this->validMail($arguments['site_mail']);
        $password = $arguments['account_password'];
        if ($password === null) {
            $password = rtrim(strtr(base64_encode(random_bytes(24)), '+/', '-_'), '=');
        }
        return [
            'site_name' => $arguments['site_name'],
            'site_mail' => $mail,
            'account' => [
                'name' => $arguments['account_name'],
                'mail' => $arguments['account_mail'] === null ? $mail : $this->validMail($arguments['account_mail']),
                'pass' => ['pass1' => $password, 'pass2' => $password],
            ],
        ];
    }

    protected function logWatchdog($channel, $severity, $message)
    {
        if (in_array($channel, $this->channel->muted, true) || $this->isExpected((string) $message)) {
            return;
        }
        // Severities as in RFC 5424. What a module calls an error is not a failure of ours: the operation's own
        // outcome decides that. So it is a warning here.
        $type = $severity <= 4 ? 'warning' : ($severity === 5 ? 'notice' : ($severity === 6 ? 'info' : 'debug'));
        $this->channel->log($type, $channel . ': ' . $this->channel->plainText($message), 'log');
    }

    protected function logMessages($messages)
    {
        foreach ((array) $messages as $kind => $texts) {
            $type = $kind === 'error' || $kind === 'warning' ? 'warning' : 'notice';
            foreach ($texts as $text) {
                $text = (string) (is_array($text) && isset($text['message']) ? $text['message'] : $text);
                if ($this->isExpected($text)) {
                    continue;
                }
                $this->channel->log($type, $this->channel->plainText($text), 'message');
            }
        }
    }

    /** Whether a message is about something that we do on purpose. */
    protected function isExpected($text)
    {
        // The installer asks for write-protection of the site's folder; its modes are the backend's to keep.
        return $this->installing && strpos($text, "$this->sitePath/settings.php") !== false;
    }

    private function validMail($mail)
    {
        if ($mail !== null && filter_var($mail, FILTER_VALIDATE_EMAIL)) {
            return $mail;
        }
        $shown = (string) $mail === '' ? 'No e-mail address was given' : "\"$mail\" is not a valid e-mail address";
        $this->channel->log('warning', "$shown; the site gets this.email@is.invalid");
        return 'this.email@is.invalid';
    }

    /** What PHP would see of a request for the site's front page. */
    private function pretendRequest($uri)
    {
        $base = parse_url($this->baseUrl);
        $port = isset($base['port']) ? ':' . $base['port'] : '';
        $secure = $base['scheme'] === 'https';
        unset($_SERVER['argv'], $_SERVER['argc']);
        $_SERVER = [
            'HTTP_HOST' => $uri . $port,
            'SERVER_NAME' => $uri,
            'SERVER_PORT' => (string) (isset($base['port']) ? $base['port'] : ($secure ? 443 : 80)),
            'SERVER_PROTOCOL' => 'HTTP/1.1',
            'SERVER_SOFTWARE' => 'provision-py',
            'SERVER_ADDR' => '127.0.0.1',
            'REMOTE_ADDR' => '127.0.0.1',
            'REQUEST_METHOD' => 'GET',
            'REQUEST_URI' => '/',
            'QUERY_STRING' => '',
            'SCRIPT_NAME' => '/index.php',
            'PHP_SELF' => '/index.php',
            'SCRIPT_FILENAME' => $this->docroot . '/index.php',
            'DOCUMENT_ROOT' => $this->docroot,
            'HTTP_USER_AGENT' => 'provision-py',
        ] + ($secure ? ['HTTPS' => 'on'] : []) + $_SERVER;
    }
}
