<?php

/** The class loader of the stand-in; loaded once, as Composer's. */
if (!class_exists('StandInLoader', false)) {
    final class StandInLoader
    {
        private $folders;

        public function __construct(array $folders)
        {
            $this->folders = $folders;
            spl_autoload_register([$this, 'loadClass']);
        }

        public function addPsr4($prefix, $folder)
        {
            $this->folders[rtrim($prefix, '\\')] = rtrim(is_array($folder) ? reset($folder) : $folder, '/');
        }

        public function loadClass($class)
        {
            if (strpos($class, 'Drupal\Core\StandIn') === 0) {
                $class = 'Drupal\Core\StandInContainer';
            }
            if ($class === 'Drupal\Core\Database\StandInResult') {
                $class = 'Drupal\Core\Database\Connection';
            }
            foreach ($this->folders as $prefix => $folder) {
                $file = $folder . str_replace('\\', '/', (string) substr($class, strlen($prefix))) . '.php';
                if (strpos($class, $prefix) === 0 && is_file($file)) {
                    require_once $file;
                    return;
                }
            }
        }
    }
}

static $loader;
if ($loader === null) {
    $loader = new StandInLoader([
        'Drupal' => __DIR__ . '/@DOCROOT@core/lib/Drupal',
        'Symfony\\Component' => __DIR__ . '/symfony',
        'Psr\\Log' => __DIR__ . '/psr/log',
    ]);
}
return $loader;
