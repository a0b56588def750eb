<?php

/**
 * @file
 * The ways in which an installer goes wrong, half-way through. A file "fail-install" in the docroot names one.
 */

function stand_in_trouble($docroot)
{
    $file = "$docroot/fail-install";
    if (!is_file($file)) {
        return;
    }
    switch (trim(file_get_contents($file))) {
        case 'noise':
            print "A module prints this";
            print " and <b>more</b>\nand a half line";
            fwrite(STDOUT, "straight to stdout\n");
            fwrite(STDERR, "straight to stderr\n");
            fwrite(STDOUT, '{"t":"end","ok":false}');
            trigger_error('A module warns', E_USER_WARNING);
            trigger_error('A module notes', E_USER_NOTICE);
            trigger_error('A module is old', E_USER_DEPRECATED);
            $undefined = $nowhere;
            print "\n\xff\xfe not UTF-8\n";
            return;
        case 'flood':
            for ($i = 0; $i < 20000; $i++) {
                print "line $i\n";
                trigger_error('again and again', E_USER_NOTICE);
            }
            return;
        case 'exception':
            throw new Exception('The installer has failed half-way', 0, new RuntimeException('for a <em>reason</em> below'));
        case 'die':
            die('A module gives up');
        case 'exit':
            exit(0);
        case 'fatal':
            stand_in_function_that_does_not_exist();
            return;
        case 'compile':
            eval('class StandInBroken implements Countable {}');
            return;
        case 'memory':
            ini_set('memory_limit', '48M');
            $all = [];
            while (true) {
                $all[] = str_repeat('x', 1 << 16);
            }
        case 'kill':
            posix_kill(getmypid(), 9);
            return;
        case 'slow':
            sleep(60);
            return;
        case 'late':
            register_shutdown_function(static function () {
                stand_in_function_that_does_not_exist();
            });
            return;
        case 'buffers':
            while (ob_get_level()) {
                ob_end_clean();
            }
            print "out of every buffer\n";
            fclose(STDOUT);
            return;
        case 'password':
            print_r(isset($GLOBALS['databases']) ? $GLOBALS['databases'] : \Drupal\Core\Database\Database::getConnectionInfo());
            return;
        default:
            throw new LogicException("fail-install names no way to fail");
    }
}
