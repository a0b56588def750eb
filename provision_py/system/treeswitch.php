<?php

/**
 * @file
 * Exchanges files of a tree against staged ones, and puts the former ones back. Runs where the tree is.
 *
 * Arguments: open|check|switch|undo|close, the work folder (which lies in the tree), and the folders that the tree may
 * not lead out of; of an undo, the word "empty" when there was nothing in the tree. The work folder holds "plan" (what to do, see treeswitch.py), "new/NAME OF THE TREE" (what rsync has
 * staged), and once a switch has begun "modes" (of the folders concerned) and "former" (what was exchanged).
 *
 * Only renames and links happen between the first change and the last. Whatever was done is read off the folders:
 * what is not in "new" any more has been put in place, what is in "former" is to go back. So the undo may follow a
 * switch that was cut off anywhere, and may be repeated. It touches nothing that the switch had not to touch: what
 * belongs to somebody else may be in the way of the one, but not of the other. Runs on PHP 7.1 and later.
 */

final class ProvisionTreeSwitch
{
    const NOT_PERMITTED = ['message' => 'Operation not permitted'];
    const OTHER_DISK = ['message' => 'it lies on another disk than the tree, so make it by hand'];

    private $work;
    private $top;
    private $new;
    private $former;
    /** Path of a folder => its permissions, owner and group before the switch. */
    private $modes = [];
    private $lock;

    public function __construct($work)
    {
        $this->work = $work;
        $this->top = dirname($work);
        // Not basename(), which loses bytes that are no UTF-8.
        $this->new = $work . '/new' . strrchr($this->top, '/');
        $this->former = $work . '/former';
    }

    public function open()
    {
        $this->inTop(function () {
            $this->must(mkdir($this->work, 0700), 'make a folder for new files');
            // An undo needs it, also on a disk that has become full.
            $this->must(touch($this->work . '/lock'), 'write in ' . $this->work);
        });
    }

    public function close()
    {
        // On NFS a file that is open cannot be removed.
        $this->lock = null;
        if ($this->exists($this->work)) {
            $this->inTop(function () {
                $this->must($this->removeTree($this->work), 'remove the folder of former files');
            });
        }
    }

    public function check(array $roots)
    {
        $this->look($this->plan(), $roots);
    }

    public function switchOver(array $roots)
    {
        $this->lock();
        // In this order: while an undo removes the folder, the plan goes before the mark.
        $this->must(!$this->exists($this->work . '/undone'), 'go on: this was undone before it began');
        $steps = $this->plan();
        $wanted = $this->look($steps, $roots);
        foreach ($steps as list(, $path)) {
            $folder = dirname($this->at($this->former, $path));
            $this->must(is_dir($folder) || mkdir($folder, 0700, true), "make $folder");
        }
        $this->save();
        $closed = $this->openUp($steps);
        $this->must($closed === null, "change the mode of $closed");
        foreach ($steps as list($what, $path)) {
            switch ($what) {
                case 'put':
                    $this->put($path);
                    break;
                case 'drop':
                    $live = $this->at($this->top, $path);
                    if ($this->exists($live) && !$this->isFolder($live)) {
                        $this->move($live, $this->at($this->former, $path));
                    }
                    break;
                case 'rmdir':
                    $this->removeFolder($this->at($this->top, $path));
                    break;
            }
        }
        $this->setModes($wanted + $this->modes);
    }

    public function undo($wasEmpty)
    {
        if (!is_dir($this->work)) {
            // Undone already, or never begun. A tree was there, so without one nothing can be said.
            $names = is_dir($this->top) ? @scandir($this->top) : [];
            $found = is_array($names) && count($names) > ($wasEmpty ? 1 : 2);
            $this->must($found, "find anything in {$this->top}; its disk may not be mounted");
            return;
        }
        $this->lock();
        touch($this->work . '/undone');
        if (!$this->load()) {
            return;
        }
        $steps = $this->plan();
        // Where that fails and was needed, moving something back fails, and says so.
        $this->openUp($steps);
        foreach (array_reverse($steps) as list($what, $path)) {
            $live = $this->at($this->top, $path);
            $former = $this->at($this->former, $path);
            if ($what === 'put') {
                $this->takeOut($live, $this->at($this->new, $path), $former);
            }
            if ($this->exists($former) && !$this->isFolder($former)) {
                $this->move($former, $live);
            } elseif (isset($this->modes[$path]) && !$this->exists($live)) {
                $this->must(mkdir($live, 0700), "make $live");
            }
        }
        $this->setModes($this->modes);
    }

    /** Looks at everything before anything is changed; access that folders are to get. */
    private function look(array $steps, array $roots)
    {
        $wanted = [];
        $roots = array_map('realpath', $roots);
        foreach ($steps as list($what, $path)) {
            $staged = $this->at($this->new, $path);
            if ($what === 'mode' || $what === 'put') {
                $this->must($this->exists($staged), "find $staged, which should have arrived");
            }
            if ($what === 'mode') {
                $wanted[$path] = $this->access($staged);
            } else {
                $this->remember($this->above($path), $roots);
                $this->mayChange($path);
                // A file is copied to another disk, a folder cannot be renamed there.
                $away = $what === 'put' && $this->isFolder($staged) && $this->isElsewhere($this->folderOf($path));
                $this->must(!$away, 'make ' . $this->at($this->top, $path), self::OTHER_DISK);
            }
            if ($what !== 'drop' && $this->isFolder($this->at($this->top, $path))) {
                $this->remember($path, $roots);
            }
        }
        foreach ($wanted as $path => list($mode)) {
            $live = $this->at($this->top, $path);
            $can = !is_dir($live) || $this->access($live)[0] === $mode || $this->isOurs(stat($live));
            $this->must($can, "set the mode of $live", self::NOT_PERMITTED);
        }
        return $wanted;
    }

    /** A path can be put, dropped or removed by who may write in its folder, or has the right to give himself that. */
    private function mayChange($path)
    {
        $live = $this->at($this->top, $path);
        $folder = $this->folderOf($path);
        $ours = $this->isOurs(stat($folder));
        $this->must($ours || $this->isOpen($folder), "write in $folder", ['message' => 'Permission denied']);
        // In a folder such as /tmp only one's own things can be moved.
        $guarded = !$ours && (fileperms($folder) & 01000) && $this->exists($live) && !$this->isOurs(lstat($live));
        $this->must(!$guarded, "replace or remove $live", self::NOT_PERMITTED);
    }

    private function remember($path, array $roots)
    {
        if (isset($this->modes[$path])) {
            return;
        }
        $live = $this->at($this->top, $path);
        $real = realpath($live) . '/';
        $inside = array_filter($roots, function ($root) use ($real) {
            return $root !== false && strpos($real, rtrim($root, '/') . '/') === 0;
        });
        $this->must($inside && is_dir($live), "change $live: it leads out of " . implode(', ', $roots) . ', or nowhere');
        $this->modes[$path] = $this->access($live);
    }

    private function put($path)
    {
        $live = $this->at($this->top, $path);
        $staged = $this->at($this->new, $path);
        $former = $this->at($this->former, $path);
        if ($this->isFolder($live)) {
            // Its files were taken out before; what is still there is not ours to remove.
            $this->must(rmdir($live), "put a file in the place of the folder $live");
        } elseif ($this->exists($live) && ($this->isFolder($staged) || !@link($live, $former))) {
            $this->move($live, $former);
        }
        $this->move($staged, $live);
    }

    private function takeOut($live, $staged, $former)
    {
        if ($this->exists($staged) || !$this->exists($live)) {
            return;
        }
        // With a link, the former file takes the place of the new one in one rename.
        $follows = $this->exists($former) && !$this->isFolder($former) && !$this->isFolder($live);
        if (!$follows || !@link($live, $staged)) {
            $this->move($live, $staged);
        }
    }

    private function removeFolder($live)
    {
        if ($this->isFolder($live) && !@rmdir($live)) {
            $said = error_get_last();
            // Something in it is not synced, such as uploads, or has come just now: it stays.
            $names = @scandir($live);
            $this->must($names === false || count($names) > 2, "remove the folder $live", $said);
        }
    }

    private function move($from, $to)
    {
        $mode = null;
        if ($this->isFolder($from) && !is_writable($from)) {
            $mode = fileperms($from) & 07777;
            $this->must(chmod($from, $mode | 0700), "change the mode of $from");
        }
        if (!is_writable(dirname($from))) {
            $this->must(chmod(dirname($from), 0700), 'change the mode of ' . dirname($from));
        }
        $this->must(rename($from, $to), "move $from to $to");
        if ($mode !== null) {
            $this->must(chmod($to, $mode), "change the mode of $to");
        }
    }

    /** Folders that their owner may not write in, as Drupal makes some, are opened for the time of the switch; one
     * that cannot be opened. */
    private function openUp(array $steps)
    {
        $closed = null;
        foreach ($steps as list($what, $path)) {
            $folder = $this->folderOf($path);
            if ($what !== 'mode' && is_dir($folder) && !$this->isOpen($folder)) {
                $closed = @chmod($folder, fileperms($folder) & 07777 | 0300) ? $closed : $folder;
            }
        }
        return $closed;
    }

    private function setModes(array $modes)
    {
        foreach ($modes as $path => list($mode, $owner, $group)) {
            $live = $this->at($this->top, $path);
            if (!is_dir($live) || !$this->isOurs(stat($live))) {
                continue;
            }
            // These take setgid away, so they come first. Who is not root cannot give all of them, nor does rsync.
            if ($this->access($live)[1] !== $owner) {
                @chown($live, $owner);
            }
            if ($this->access($live)[2] !== $group) {
                @chgrp($live, $group);
            }
            $this->must($this->access($live)[0] === $mode || chmod($live, $mode), "set the mode of $live");
        }
    }

    private function inTop(callable $work)
    {
        $mode = is_writable($this->top) ? null : fileperms($this->top) & 07777;
        if ($mode !== null) {
            $this->must(chmod($this->top, $mode | 0300), 'write in ' . $this->top);
        }
        try {
            $work();
        } finally {
            if ($mode !== null) {
                chmod($this->top, $mode);
            }
        }
    }

    private function removeTree($path)
    {
        if (!$this->isFolder($path)) {
            return unlink($path);
        }
        if (!is_writable($path) || !is_readable($path) || !is_executable($path)) {
            chmod($path, 0700);
        }
        // An rsync whose connection broke may write for another moment.
        for ($patience = 50; $patience > 0; $patience--) {
            foreach (array_diff(scandir($path), ['.', '..']) as $name) {
                if (!@$this->removeTree("$path/$name") && $this->exists("$path/$name")) {
                    return false;
                }
            }
            if (@rmdir($path)) {
                return true;
            }
            usleep(20000);
        }
        return rmdir($path);
    }

    /** Lists of NUL-separated fields, two for each step: what to do, and a path in the tree. */
    private function plan()
    {
        $text = @file_get_contents($this->work . '/plan');
        $fields = explode("\0", (string) $text);
        $this->must($text !== false && array_pop($fields) === '' && count($fields) % 2 === 0, "read {$this->work}/plan");
        return array_chunk($fields, 2);
    }

    private function save()
    {
        $text = '';
        foreach ($this->modes as $path => list($mode, $owner, $group)) {
            $text .= "$mode\0$owner\0$group\0$path\0";
        }
        $fresh = $this->work . '/modes.new';
        $this->must(@file_put_contents($fresh, $text) === strlen($text), "write $fresh");
        $this->must(rename($fresh, $this->work . '/modes'), "write {$this->work}/modes");
    }

    private function load()
    {
        $text = @file_get_contents($this->work . '/modes');
        foreach ($text === false ? [] : array_chunk(explode("\0", $text), 4) as $fields) {
            if (count($fields) === 4) {
                $this->modes[$fields[3]] = array_map('intval', array_slice($fields, 0, 3));
            }
        }
        return $text !== false;
    }

    /** A switch whose connection broke goes on to its end: an undo waits for that. */
    private function lock()
    {
        $this->lock = @fopen($this->work . '/lock', 'c');
        $this->must($this->lock && flock($this->lock, LOCK_EX), "lock {$this->work}");
    }

    private function access($path)
    {
        clearstatcache();
        return [fileperms($path) & 07777, fileowner($path), filegroup($path)];
    }

    private function above($path)
    {
        $slash = strrpos($path, '/');
        return $slash === false ? '' : substr($path, 0, $slash);
    }

    private function folderOf($path)
    {
        return $this->at($this->top, $this->above($path));
    }

    private function isElsewhere($folder)
    {
        return stat($folder)['dev'] !== stat($this->work)['dev'];
    }

    private function isOpen($folder)
    {
        clearstatcache();
        return is_writable($folder) && is_executable($folder);
    }

    /** What has the work folder's owner is that of this program: it made that folder. */
    private function isOurs(array $state)
    {
        $owner = fileowner($this->work);
        return $owner === 0 || $owner === $state['uid'];
    }

    private function at($folder, $path)
    {
        return $path === '' ? $folder : "$folder/$path";
    }

    private function exists($path)
    {
        clearstatcache();
        return is_link($path) || file_exists($path);
    }

    private function isFolder($path)
    {
        clearstatcache();
        return is_dir($path) && !is_link($path);
    }

    private function must($done, $what, $said = null)
    {
        if (!$done) {
            $said = $said ?: error_get_last();
            throw new RuntimeException("Could not $what" . ($said ? ': ' . $said['message'] : ''));
        }
    }
}

// This file comes by standard input: when it is cut short, this last line is missing, and nothing is done.
function provision_tree_switch(array $arguments)
{
    error_reporting(E_ALL);
    ini_set('display_errors', '0');
    umask(0022);
    list($what, $work) = $arguments;
    $switch = new ProvisionTreeSwitch($work);
    try {
        switch ($what) {
            case 'open':
                $switch->open();
                break;
            case 'check':
                $switch->check(array_slice($arguments, 2));
                break;
            case 'switch':
                $switch->switchOver(array_slice($arguments, 2));
                break;
            case 'undo':
                $switch->undo(in_array('empty', array_slice($arguments, 2), true));
                $switch->close();
                break;
            case 'close':
                $switch->close();
                break;
        }
    } catch (RuntimeException $error) {
        // STDERR is not defined in a program that comes by standard input.
        file_put_contents('php://stderr', $error->getMessage() . "\n");
        exit(1);
    }
    exit(0);
}
provision_tree_switch(array_slice($argv, 1));
