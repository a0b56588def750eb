<?php
$options['db_passwd'] = 'secret;
$options['db_name'] = 'x';
