<?php

$options['db_passwd'] = 'sec'ret';
$options['db_name'] = 'x';
